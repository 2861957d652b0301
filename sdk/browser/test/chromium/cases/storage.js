import assert from "node:assert/strict";

import {
  PREFIX,
  assertIdentity,
  logAll,
  sleep,
  statsOf,
  storageOf,
  storedIn,
  times,
  word,
} from "../lab.js";

/** @typedef {import("../lab.js").Lab} Lab */

const MAX_STORED = 1_000_000;
const MAX_BATCHES = 200;

/** @type {import("./delivery.js").Case[]} */
export const cases = [
  {
    number: 13,
    title: "the host has filled localStorage: no exception, kept in memory, its keys untouched",
    async run(lab) {
      const fill = `<script>
        for (let size = 1 << 21, n = 0; size >= 1; ) {
          try { localStorage.setItem("host" + n, "h".repeat(size)); n += 1; }
          catch { size >>= 1; }
        }
      </script>`;
      const page = await lab.visit({ head: fill, init: "{ flushMs: 50 }" });
      const before = await storageOf(page);
      await lab.setOffline(true);
      const messages = times(15, (n) => `no room ${word(n)}`);
      await logAll(page, messages, "error");
      await sleep(300);
      const stats = await statsOf(page);
      assert.equal(stats.stored, 0);
      assertIdentity(stats);
      await lab.setOffline(false);
      await lab.expectDelivered(messages);
      assert.deepEqual(await storageOf(page), before);
      assert.deepEqual(lab.pageErrors, []);
    },
  },
  {
    number: 14,
    title: "localStorage throws on access (sandboxed frame, blocked cookies): works in memory",
    async run(lab) {
      lab.publish({ path: "/framed", init: "{ flushMs: 50 }" });
      const host = await lab.visit({
        path: "/host",
        bare: true,
        body: `<iframe name="inner" sandbox="allow-scripts" src="/framed"></iframe>`,
      });
      const frame = host.frame("inner");
      assert.ok(frame);
      await frame.waitForFunction(() => window.log);
      const kind = await frame.evaluate(() => {
        window.log.error("from the sandbox");
        try {
          return typeof localStorage;
        } catch (error) {
          return /** @type {Error} */ (error).name;
        }
      });
      assert.equal(kind, "SecurityError");
      const blocked = await lab.visit({
        head: `<script>
          for (const name of ["localStorage", "sessionStorage"])
            Object.defineProperty(window, name, { get() { throw new DOMException("no", "SecurityError"); } });
        </script>`,
        init: "{ flushMs: 50 }",
      });
      await lab.setOffline(true);
      await logAll(blocked, ["with cookies blocked"], "error");
      await sleep(200);
      await lab.setOffline(false);
      await lab.expectDelivered(["from the sandbox", "with cookies blocked"]);
      assert.deepEqual(lab.pageErrors, []);
    },
  },
  {
    number: 15,
    title: "10,000 logs offline: at most 1 MB and 200 batches, errors survive, the host has room",
    async run(lab) {
      await lab.context.clock.install();
      const page = await lab.visit();
      await lab.setOffline(true);
      const filling = "lorem ipsum dolor sit amet ".repeat(30);
      for (let round = 0; round < 50; round += 1) {
        const messages = times(199, (n) => `${word(round)} ${word(n)} ${filling}`);
        await logAll(page, messages);
        const isEarly = round < 10;
        await logAll(page, [`severe ${word(round)}`], isEarly ? "error" : "info");
        await page.clock.runFor(11_000); // the rate guard's bucket is full again
      }
      const stored = await storedIn(page);
      const size = stored.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
      assert.ok(size > MAX_STORED / 2, `the cap was not reached: ${size}`);
      assert.ok(size <= MAX_STORED, `${size} stored`);
      assert.ok(stored.length <= MAX_BATCHES, `${stored.length} batches`);
      const text = stored.map(([, value]) => value).join();
      for (let round = 0; round < 10; round += 1)
        assert.ok(text.includes(`severe ${word(round)}`), `error ${round} was thrown out`);
      const room = await page.evaluate(() => {
        localStorage.setItem("host", "h".repeat(3_500_000));
        return localStorage.getItem("host")?.length;
      });
      assert.equal(room, 3_500_000);
      const stats = await statsOf(page);
      assertIdentity(stats);
      assert.equal(stats.captured, 10_000);
      assert.ok(stats.drops.evicted > 0);
    },
  },
  {
    number: 16,
    title: "foreign, broken and older values under our prefix: removed, all others are sent",
    async run(lab) {
      const page = await lab.visit({ init: "{ batchSize: 1 }" });
      await lab.setOffline(true);
      const messages = times(4, (n) => `good ${word(n)}`);
      await logAll(page, messages, "error");
      await page.waitForFunction(
        (prefix) => Object.keys(localStorage).filter((key) => key.startsWith(prefix)).length === 4,
        PREFIX,
      );
      await lab.serveOffline();
      await page.goto(lab.publish({ path: "/bare", bare: true }));
      const broken = await page.evaluate((prefix) => {
        const keys = Object.keys(localStorage).filter((key) => key.startsWith(prefix));
        const value = localStorage.getItem(keys[0]) ?? "";
        const made = [
          "not json",
          "",
          "null",
          "[1,2,3]",
          "{}",
          '{"v":0,"events":[{"message":"older"}]}',
          value.slice(0, value.length / 2),
          "\ud800\u0000",
        ].map((text, index) => {
          const key = keys[0].slice(0, -4) + `${index}`.padStart(4, "0");
          localStorage.setItem(key, text);
          return key;
        });
        for (const name of ["x", "::", ":1:2:3:4:5", ""]) {
          const key = keys[0].slice(0, keys[0].lastIndexOf(":", keys[0].length - 1)) + name;
          localStorage.setItem(key, "foreign");
        }
        localStorage.setItem("host", "stays");
        return made;
      }, PREFIX);
      await lab.setOffline(false);
      await lab.context.unrouteAll();
      await page.goto(`${lab.site.origin}/`);
      await lab.expectDelivered(messages);
      await page.waitForFunction(
        (keys) => keys.every((key) => localStorage.getItem(key) === null),
        broken,
      );
      assert.equal(await page.evaluate(() => localStorage.getItem("host")), "stays");
      assert.deepEqual(lab.pageErrors, []);
    },
  },
];
