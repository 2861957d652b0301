import assert from "node:assert/strict";

import { textOf } from "../collector.js";
import { assertIdentity, cpuClock, flush, sleep, statsOf, storageOf } from "../lab.js";

/** @typedef {import("../lab.js").Lab} Lab */

const MAX_RECORD = 64 * 1024;
const SECRETS = {
  card: "4111 1111 1111 1111",
  jwt: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
  password: "correct-horse-battery",
  bearer: "mF_9.B5f-4.1JqM0987654321abc",
  query: "q8w7e6r5t4z3u2i1",
  userinfo: "s3cr3t-of-the-url",
  ssn: "123-45-6789",
};

/** @param {string} text */
const isWell = (text) => /** @type {any} */ (text).isWellFormed();

/** @type {import("./delivery.js").Case[]} */
export const cases = [
  {
    number: 17,
    title:
      "cycles, BigInt, throwing getters, revoked proxies, deep objects, window: valid, < 20 ms",
    timed: true,
    async run(lab) {
      const page = await lab.visit({ init: "{ batchSize: 50 }", body: "<p id=p class=c>text</p>" });
      const took = await page.evaluate(() => {
        const cycle = /** @type {any} */ ({ name: "cycle", list: [] });
        cycle.self = cycle;
        cycle.list.push(cycle, [cycle]);
        let deep = /** @type {any} */ ({ end: true });
        for (let level = 0; level < 10_000; level += 1) deep = { deep };
        const revoked = Proxy.revocable({}, {});
        revoked.revoke();
        const throwing = {
          get now() {
            throw new Error("from a getter");
          },
          toString() {
            throw new Error("from toString");
          },
        };
        const hostile = new Proxy(
          { a: 1 },
          {
            ownKeys: () => {
              throw new Error("no keys");
            },
          },
        );
        const wide = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`key${n}`, n]));
        const all = {
          cycle,
          deep,
          throwing,
          hostile,
          wide,
          revoked: revoked.proxy,
          bigint: { value: 12345678901234567890n },
          symbol: { value: Symbol("mark"), [Symbol("key")]: 1 },
          map: new Map([[{ key: 1 }, new Set([1, "two"])]]),
          dates: [new Date(0), new Date(NaN)],
          error: new Error("outer", { cause: new TypeError("inner") }),
          buffers: [new Uint8Array(5_000_000), new ArrayBuffer(8), new Blob(["x"])],
          functions: [() => 1, class Named {}],
          numbers: [NaN, Infinity, -0, undefined, null],
          bare: Object.create(null),
          host: window,
          node: document.getElementById("p"),
          page: document,
          promise: Promise.resolve(1),
        };
        const times = /** @type {Record<string, number>} */ ({});
        for (const [name, value] of Object.entries(all))
          for (let round = 0; round < 5; round += 1) {
            const began = performance.now();
            window.log.info(`hostile ${name}`, { value, round });
            const ms = performance.now() - began;
            times[name] = Math.min(ms, times[name] ?? ms); // other processes share the machine
          }
        for (const value of [
          revoked.proxy,
          throwing,
          5n,
          Symbol("s"),
          null,
          undefined,
          cycle,
          window,
        ]) {
          window.log.info(value, value);
          window.log.captureException(value, value);
          window.log.setContext(value, value);
          window.log.setUser(value);
          window.log.child(value).warn(value);
        }
        /** @type {any} */ (Array.prototype).toJSON = () => "overridden";
        /** @type {any} */ (Object.prototype).toJSON = () => "overridden";
        window.log.info("hostile toJSON", { list: [1, 2], nested: { a: 1 } });
        window.log.setContext("value", undefined);
        return times;
      });
      await flush(page);
      await page.evaluate(() => {
        delete (/** @type {any} */ (Array.prototype).toJSON);
        delete (/** @type {any} */ (Object.prototype).toJSON);
      });
      const slow = Object.entries(took).filter(([, ms]) => ms >= 20);
      assert.deepEqual(slow, [], "too slow");
      const names = [...Object.keys(took), "toJSON"].map((name) => `hostile ${name}`);
      await lab.collector.until("all", () =>
        names.every((name) => lab.collector.messages.includes(name)),
      );
      const by = Object.fromEntries(lab.collector.events.map((event) => [event.message, event]));
      assert.deepEqual(by["hostile toJSON"].extra_data.list, [1, 2]);
      assert.match(JSON.stringify(by["hostile cycle"].extra_data), /Circular/);
      assert.match(JSON.stringify(by["hostile bigint"].extra_data), /12345678901234567890/);
      assertIdentity(await statsOf(page));
      assert.deepEqual(lab.pageErrors, []);
    },
  },
  {
    number: 18,
    title:
      "1 MB message, 5 MB context, lone surrogates, NUL, a cut emoji: <= 64 KiB, valid, marked",
    async run(lab) {
      const page = await lab.visit({ init: "{ batchSize: 50 }" });
      await page.evaluate(() => {
        const { log } = window;
        log.info("m".repeat(1_000_000));
        log.info(
          "large context",
          Object.fromEntries(Array.from({ length: 90 }, (_, n) => [`k${n}`, "c".repeat(60_000)])),
        );
        log.info("large list", { list: Array.from({ length: 100 }, () => "ы".repeat(9000)) });
        log.info("lone \ud800 and \udc00 and \u0000 nul", { "key \ud83d": "value \ude00" });
        for (let lead = 8180; lead < 8196; lead += 1) log.info("x".repeat(lead) + "😀".repeat(40));
        log.error(new Error("e".repeat(200_000)));
      });
      await flush(page);
      await lab.collector.until("21 logs", () => lab.collector.occurrences >= 21);
      for (const post of lab.collector.posts) {
        assert.ok(isWell(textOf(post)), "the body is not valid UTF-8");
        for (const event of post.batch.events) {
          const text = JSON.stringify(event);
          const bytes = Buffer.byteLength(text);
          assert.ok(bytes <= MAX_RECORD, `${bytes} bytes: ${text.slice(0, 80)}`);
          const [message] = [event.message ?? event.exception.value];
          assert.ok(isWell(message), "a lone surrogate in a message");
          assert.ok(Object.keys(event.extra_data).every(isWell), "a lone surrogate in a key");
          if (message.length > 1000 || message.startsWith("large"))
            assert.match(text, /truncated|…|cut/, `no mark: ${text.slice(0, 120)}`);
        }
      }
      assertIdentity(await statsOf(page));
    },
  },
  {
    number: 34,
    title:
      "secrets in message, URL, nested keys, stack, cause, axios config: neither sent nor stored",
    gateway: true,
    async run(lab) {
      const page = await lab.visit({
        path: "/account",
        head: `<script src="/axios.js"></script>`,
        script: "Headwater.captureConsole(log);",
        init: `{ flushMs: 60_000, batchSize: 100,
          beforeSend(event) { event.extra_data.added = { password: ${JSON.stringify(SECRETS.password)} }; } }`,
      });
      await lab.setOffline(true);
      await page.evaluate(async (secret) => {
        history.replaceState(null, "", `?access_token=${secret.query}#token=${secret.query}`);
        const { log } = window;
        log.setUser({ id: "u1", password: secret.password });
        log.setContext("session", { cookie: secret.password });
        log.info(`paid with ${secret.card} as password=${secret.password}`);
        log.info("nested", {
          a: { b: [{ Authorization: `Bearer ${secret.bearer}` }, { pass_word: secret.password }] },
        });
        log.warn(`see https://user:${secret.userinfo}@example.com/?token=${secret.query}`, {
          jwt: secret.jwt,
        });
        const error = new Error(`stack with ${secret.jwt}`, {
          cause: new Error(`cause ${secret.ssn} ${secret.card}`),
        });
        log.error("failed", { error });
        log.captureException(error, { ctx: { apiKey: secret.bearer } });
        console.error("logged by the console", { secret: secret.password });
        setTimeout(() => {
          throw new Error(`thrown ${secret.jwt}`);
        });
        Promise.reject(new Error(`rejected password: ${secret.password}`));
        try {
          await window.axios.get(`/missing?api_key=${secret.query}`, {
            auth: { username: "u", password: secret.userinfo },
            headers: { Authorization: `Bearer ${secret.bearer}` },
          });
        } catch (reason) {
          log.captureException(reason, { ctx: { config: reason.config } });
          log.error("axios failed", { reason });
        }
      }, SECRETS);
      await sleep(300);
      await flush(page, 500);
      const parked = JSON.stringify(await storageOf(page));
      const session = await page.evaluate(() => JSON.stringify({ ...sessionStorage }));
      assert.ok(parked.includes("nested"), "nothing is stored yet: the scan would prove nothing");
      await lab.setOffline(false);
      const wanted = ["nested", "failed", "axios failed"];
      await lab.collector.until("all", () =>
        wanted.every((name) => lab.collector.messages.includes(name)),
      );
      await sleep(300);
      for (const [name, value] of Object.entries(SECRETS)) {
        assert.ok(!parked.includes(value), `${name} lies in localStorage`);
        assert.ok(!session.includes(value), `${name} lies in sessionStorage`);
        assert.ok(!lab.collector.everything.includes(value), `${name} was sent`);
      }
      assert.ok((await statsOf(page)).redacted > 0);
      for (const event of lab.collector.events) {
        const name = event.message ?? event.exception.value;
        lab.expected.set(name, (lab.expected.get(name) ?? 0) + (event.count ?? 1));
      }
    },
  },
  {
    number: 35,
    title: "1 MB of what makes regexes backtrack: redaction takes less than 20 ms",
    timed: true,
    async run(lab) {
      const page = await lab.visit({ init: "{ batchSize: 50 }" });
      const seeds = [
        "a",
        "eyJ",
        "eyJhbGciOi.",
        "4111 ",
        "4111-",
        "password=",
        "password : ",
        '"password":"',
        "https://u:",
        "Bearer ",
        "a.b@",
        "-----BEGIN ",
        "=",
        "1-",
        "GB82 WEST ",
        '\\"',
        "%70",
        "\u00a0 ",
        "token token ",
      ];
      const now = await cpuClock(page);
      await page.evaluate(() => window.log.info("warm up"));
      const took = [];
      for (const seed of seeds) {
        const rounds = [];
        for (let round = 0; round < 3; round += 1) {
          await page.evaluate(([text, turn]) => {
            window.text = `${turn}${text.repeat(Math.ceil(1_000_000 / text.length))}`;
            window.text.charCodeAt(500_000); // V8 puts repeated text together when it is read first
          }, /** @type {[string, number]} */ ([seed, round]));
          const began = await now();
          await page.evaluate(() => {
            const { text } = window;
            window.log.info(text, { text, [text.slice(0, 200)]: text });
          });
          rounds.push((await now()) - began);
        }
        took.push([seed, Math.min(...rounds)]);
      }
      const slow = took.filter(([, ms]) => Number(ms) >= 20);
      assert.deepEqual(slow, []);
    },
  },
  {
    number: 36,
    title: "beforeSend throws, answers null or a promise, changes the event: total, and counted",
    async run(lab) {
      const hooks = {
        throws: "(event) => { throw new Error('from the hook'); }",
        drops: "() => null",
        promises: "() => Promise.resolve(null)",
        mutates:
          "(event) => { event.message += ' changed'; event.extra_data.more = 1; return event; }",
        cycles: "(event) => { event.extra_data.self = event; return event; }",
        nonsense: "() => 5",
        silent: "(event) => { event.extra_data.seen = true; }",
      };
      for (const [name, hook] of Object.entries(hooks)) {
        const init = `{ flushMs: 50, app: "${name}", beforeSend: ${hook} }`;
        const page = await lab.visit({ path: `/${name}`, init });
        await page.evaluate(
          (text) => window.log.info(text, { password: "hidden" }),
          `hook ${name}`,
        );
        await flush(page);
        await sleep(50);
        const stats = await statsOf(page);
        assertIdentity(stats);
        assert.equal(stats.dropped, name === "drops" ? 1 : 0, name);
      }
      const wanted = Object.keys(hooks).filter((name) => name !== "drops");
      await lab.expectDelivered(
        wanted.map((name) => `hook ${name}${name === "mutates" ? " changed" : ""}`),
      );
      assert.ok(!lab.collector.everything.includes("hidden"));
      assert.deepEqual(lab.pageErrors, []);
    },
  },
];
