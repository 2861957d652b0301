import assert from "node:assert/strict";
import { test } from "node:test";

import axios from "axios";
import fc from "fast-check";

import { instrumentAxios } from "../../src/axios.js";
import { createClient } from "../../src/client.js";
import { instrumentFetch } from "../../src/requests.js";
import { OPTIONS, createWorld } from "../world.js";

const LEVELS = { info: "INFO", warn: "WARNING", error: "ERROR", fatal: "CRITICAL" };
const HEX = /^[0-9a-f]{32}$/;

// No name of these letters announces a secret, so that all has to arrive as it was.
const word = fc.stringMatching(/^[abdefghlm]{1,12}$/);
const words = fc.array(word, { minLength: 1, maxLength: 8 }).map((all) => all.join(" "));
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    words,
    fc.integer({ min: -9999, max: 9999 }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 5 }),
    fc.dictionary(word, tie("value"), { maxKeys: 5, noNullPrototype: true }),
  ),
}));
const context = fc.dictionary(word, value, { maxKeys: 6, noNullPrototype: true });
const line = fc.record({ level: fc.constantFrom(...Object.keys(LEVELS)), message: words, context });

test("Property 1: what was logged arrives with every field that its page gave", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(line, { minLength: 1, maxLength: 12 }),
      fc.option(word),
      async (lines, user) => {
        const page = createWorld();
        const settings = { ...OPTIONS, env: "test", release: "1.2", dedupeMs: 0 };
        const log = createClient(settings, page.world);
        log.setUser(user);
        const times = [];
        for (const { level, message, context } of lines) {
          log[level](message, context);
          times.push(page.world.Date.now());
          await page.tick(700);
        }
        await page.tick(5000);
        assert.deepEqual(
          page.events().map(({ level, message, created_at, extra_data: { seq, ...context } }) => {
            assert.ok(seq > 0);
            return { level, message, context, at: Date.parse(created_at) };
          }),
          lines.map(({ level, message, context }, index) => ({
            level: LEVELS[level],
            message,
            context,
            at: times[index],
          })),
        );
        for (const event of page.events()) {
          assert.deepEqual(
            [event.kind, event.source, event.request_path, event.user_id ?? null],
            ["log", "frontend", "/cart", user],
          );
          assert.ok(HEX.test(event.trace_id) && HEX.test(event.session_id));
        }
        for (const { release, environment } of page.bodies())
          assert.deepEqual([release, environment], ["1.2", "test"]);
      },
    ),
    { numRuns: 100 },
  ));

const path = fc.stringMatching(/^(\/[a-z0-9]{1,6}){1,3}$/);
const host = fc.record({
  origin: fc.constantFrom(
    "",
    "https://shop.example",
    "https://api.example",
    "https://api.example.evil",
    "http://shop.example",
    "https://third.party",
    "https://shop.example:8443",
  ),
  path,
  way: fc.constantFrom("fetch", "request", "axios"),
  own: fc.option(fc.stringMatching(/^[0-9a-f]{8}$/)),
  isNew: fc.boolean(),
});
const LISTED = ["", "https://shop.example", "https://api.example"];

test("Property 2: requests to listed origins, and events, have the trace id; no other request has", () =>
  fc.assert(
    fc.asyncProperty(fc.array(host, { minLength: 1, maxLength: 12 }), async (steps) => {
      const page = createWorld();
      const { world } = page;
      const propagateTo = ["https://api.example/"];
      const log = createClient({ ...OPTIONS, propagateTo, dedupeMs: 0 }, world);
      instrumentFetch(log, world);
      const instance = axios.create({
        baseURL: "https://shop.example",
        adapter: async (config) => {
          page.requests.push({ url: axios.getUri(config), headers: config.headers.toJSON() });
          return { data: "", status: 200, headers: {}, config };
        },
      });
      instrumentAxios(instance, log);
      const expected = [];
      for (const [index, { origin, path, way, own, isNew }] of steps.entries()) {
        if (isNew) log.newTrace();
        const headers = own === null ? {} : { "x-trace-id": own };
        const url = (way === "request" && origin === "" ? "https://shop.example" : origin) + path;
        if (way === "axios") await instance.get(url, { headers });
        else if (way === "fetch") await world.fetch(url, { headers });
        else await world.fetch(new Request(url, { headers }), {});
        log.info(`step ${index}`);
        const isListed = LISTED.includes(origin);
        expected.push({ header: own ?? (isListed ? log.traceId() : null), event: log.traceId() });
      }
      const seen = page.requests
        .filter(({ url }) => !url.startsWith(OPTIONS.endpoint))
        .map(({ headers }) => new Headers(headers).get("x-trace-id"));
      await page.tick(20_000);
      const logged = page.events().filter(({ kind }) => kind === "log");
      assert.deepEqual(
        seen,
        expected.map(({ header }) => header),
      );
      assert.deepEqual(
        logged.map(({ trace_id }) => trace_id),
        expected.map(({ event }) => event),
      );
      assert.ok(expected.every(({ event }) => HEX.test(event)));
    }),
    { numRuns: 100 },
  ));
