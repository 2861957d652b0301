import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { createClient } from "../../src/client.js";
import { createRedaction } from "../../src/redaction/walk.js";
import { createFetch } from "../../src/requests.js";
import { OPTIONS, createLocks, createStorage, createWorld } from "../world.js";

const redact = createRedaction();
const NAMES = [
  "password",
  "accessToken",
  "refresh_token",
  "client-secret",
  "API_KEY",
  "user[password]",
];
const SECRET = "hunter2Secret";
const FRAGMENTS = [
  ...NAMES, "4111 1111 1111 1111", "078-05-1120", "Bearer abcdef123456", "=", ": ", "\n", " ", '"', "'", "\\", "{", "}",
  "[", "]", ",", "&", "?", "://", "user:pw@host", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "é", "ｐ", "\u200b", "x", "17", "--",
]; // prettier-ignore
const texts = fc.oneof(
  fc.array(fc.constantFrom(...FRAGMENTS), { maxLength: 10 }).map((all) => all.join("")),
  fc.string({ unit: "binary", maxLength: 30 }),
);
const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    texts,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...NAMES), texts), tie("value"), { maxKeys: 4 }),
  ),
})).value;

test("Property 8: redaction is idempotent", () =>
  fc.assert(
    fc.property(values, (value) => {
      const once = redact(value);
      assert.equal(JSON.stringify(redact(once)), JSON.stringify(once));
    }),
    { numRuns: 2000 },
  ));

test("Property 8: a value under a sensitive name never remains, at any depth", () =>
  fc.assert(
    fc.property(values, fc.constantFrom(...NAMES), fc.nat(3), (around, name, depth) => {
      let value = { [name]: SECRET, around };
      for (let level = 0; level < depth; level++) value = level % 2 ? [value] : { level: value };
      assert.ok(!JSON.stringify(redact(value)).includes(SECRET));
      assert.ok(!redact(JSON.stringify(value)).includes(SECRET));
      assert.ok(!redact(`said ${name}=${SECRET}`).includes(SECRET));
    }),
    { numRuns: 1000 },
  ));

test("Property 8: what holds no secret stays as it is", () =>
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("order", "paid", "user", "7", "in", "basket", ".", ",")),
      (words) => {
        const text = words.join(" ");
        assert.equal(redact(text), text);
      },
    ),
  ));

test("a secret in any place of an event is neither sent nor stored", () =>
  fc.assert(
    fc.asyncProperty(
      fc.constantFrom(
        "message",
        "context",
        "key",
        "error",
        "cause",
        "user",
        "shared",
        "url",
        "hook",
      ),
      fc.constantFrom(
        `password=${SECRET}`,
        `{"token":"${SECRET}"}`,
        `Authorization: Bearer ${SECRET}1`,
        `https://a:${SECRET}@b.example/`,
      ),
      async (place, secret) => {
        const localStorage = createStorage();
        const page = createWorld({ localStorage, locks: createLocks() });
        const beforeSend = (event) => {
          if (place === "hook") event.extra_data.added = secret;
          return event;
        };
        const log = createClient({ ...OPTIONS, beforeSend }, page.world);
        page.world.answer = "lost";
        if (place === "user") log.setUser(secret);
        if (place === "shared") log.setContext("shared", { deep: [secret] });
        if (place === "message") log.error(secret);
        else if (place === "context") log.error("x", { deep: { text: secret } });
        else if (place === "key") log.error("x", { [secret]: 1 });
        else if (place === "cause") log.error(new Error("x", { cause: new Error(secret) }));
        else if (place === "url")
          await createFetch(log, page.world)(`/a;password=${SECRET}`).catch(() => {});
        else log.error(new Error(place === "error" ? secret : "x"));
        page.fire("pagehide");
        await page.tick(10_000);
        const all = [
          ...Object.values(localStorage),
          ...page.requests.map(({ body }) => body ?? ""),
        ];
        assert.ok(all.length > 1);
        assert.ok(!all.join().includes(SECRET));
      },
    ),
    { numRuns: 150 },
  ));
