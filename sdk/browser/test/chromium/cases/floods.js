import assert from "node:assert/strict";

import { assertIdentity, flush, logAll, sleep, statsOf, times, word } from "../lab.js";
import { accept, acceptAndDrop, status } from "../collector.js";

/** @typedef {import("../lab.js").Lab} Lab */

const DAY_MS = 86_400_000;
const LARGEST_GROWTH = 10_000_000;
const SOAK_MS = 30 * 60_000;

/** Bytes of the page's heap after a collection. @param {import("playwright-core").Page} page */
async function heapOf(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.enable");
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  await session.detach();
  return usedSize;
}

/** Adds up the tasks that took longer than 50 ms. */
const WATCH_TASKS = `<script>
  window.longTasks = [];
  new PerformanceObserver((list) => longTasks.push(...list.getEntries().map((task) => task.duration)))
    .observe({ entryTypes: ["longtask"] });
</script>`;

/** @type {import("./delivery.js").Case[]} */
export const cases = [
  {
    number: 19,
    title:
      "10,000 identical errors in a second: 3 requests at most, counted in full, tasks < 200 ms",
    timed: true,
    gateway: true,
    async run(lab) {
      const page = await lab.visit({ head: WATCH_TASKS, init: "{ flushMs: 300, dedupeMs: 1500 }" });
      await page.evaluate(async () => {
        for (let hundred = 0; hundred < 100; hundred += 1) {
          for (let one = 0; one < 100; one += 1)
            window.log.captureException(new TypeError("the same"));
          await new Promise((done) => setTimeout(done, 5));
        }
      });
      await lab.expectDelivered(new Map([["the same", 10_000]]));
      assert.ok(lab.collector.posts.length <= 3, `${lab.collector.posts.length} requests`);
      assert.equal(lab.collector.events[0].count ?? 1, 1, "the first goes out at once, with 1");
      const blocked = await page.evaluate(() => window.longTasks.reduce((sum, ms) => sum + ms, 0));
      assert.ok(blocked < 200, `long tasks of ${blocked} ms`);
      const stats = await statsOf(page);
      assertIdentity(stats);
      assert.equal(stats.captured, 10_000);
    },
  },
  {
    number: 20,
    title: "10,000 different errors: the rate guard holds, the books balance, memory < 10 MB",
    timed: true,
    async run(lab) {
      const page = await lab.visit({ init: "{ flushMs: 300 }" });
      await logAll(page, ["warm up"]);
      await flush(page);
      const before = await heapOf(page);
      const words = times(10_000, (n) => `different ${word(n)}`);
      await page.evaluate((messages) => {
        for (const text of messages) window.log.captureException(new Error(text));
      }, words);
      assertIdentity(await statsOf(page));
      await flush(page);
      await page.evaluate(() => void 0);
      const growth = (await heapOf(page)) - before;
      assert.ok(growth < LARGEST_GROWTH, `${growth} bytes more`);
      const stats = await statsOf(page);
      assertIdentity(stats);
      assert.equal(stats.captured, 10_001);
      assert.ok(stats.drops.rate_limited > 9000, `${stats.drops.rate_limited} limited`);
      assert.equal(lab.collector.occurrences, stats.sent + stats.deduped);
    },
  },
  {
    number: 21,
    title: "the same error after 9.9 s and after 10.1 s; A B A B: exact, interleaved ones fold too",
    async run(lab) {
      await lab.context.clock.install();
      const page = await lab.visit({ init: "{ flushMs: 100 }" });
      await page.clock.pauseAt(Date.now() + 60_000);
      const error = (/** @type {string} */ name) => logAll(page, [name], "error");
      await error("alpha");
      await error("beta");
      await error("alpha");
      await error("beta");
      await page.clock.runFor(100);
      // The answer takes real time: before it came, the page's own clock would run into the timeout.
      await lab.collector.until("the first two", () => lab.collector.occurrences === 2);
      while ((await statsOf(page)).sent < 2) await sleep(20);
      await page.clock.runFor(9800);
      await error("alpha");
      await page.clock.runFor(200);
      await error("alpha");
      await page.clock.runFor(200);
      await lab.collector.until("the third alpha", () => lab.collector.occurrences === 6);
      const counts = (/** @type {string} */ name) =>
        lab.collector.events
          .filter((event) => event.message === name)
          .map((event) => event.count ?? 1);
      assert.deepEqual(counts("alpha"), [1, 2, 1]);
      assert.deepEqual(counts("beta"), [1, 1]);
      assertIdentity(await statsOf(page));
    },
  },
  {
    number: 22,
    title: "the clock is a day ahead, jumps back 2 h: timers flush, order by seq, skew is told",
    gateway: true,
    async run(lab) {
      await lab.context.clock.install({ time: Date.now() + DAY_MS });
      const page = await lab.visit({ init: "{ flushMs: 200 }" });
      await logAll(page, ["ahead one", "ahead two"]);
      await lab.collector.until("the first batch", () => lab.collector.events.length === 2);
      await page.clock.setSystemTime(Date.now() + DAY_MS - 7_200_000);
      await logAll(page, ["back one", "back two"]);
      await lab.expectDelivered(["ahead one", "ahead two", "back one", "back two"]);
      const seqs = lab.collector.events.map((event) => event.extra_data.seq);
      assert.deepEqual(
        seqs,
        [...seqs].sort((a, b) => a - b),
      );
      for (const post of lab.collector.posts) {
        const sent = post.headers["x-sent-at"] ?? post.query.get("sent_at") ?? "";
        const sentAt = Number(sent) || Date.parse(sent);
        for (const event of post.batch.events) {
          // what the gateway will make of it: right to some seconds
          const corrected = Date.parse(event.created_at) + (Date.now() - sentAt);
          assert.ok(Math.abs(corrected - Date.now()) < 15_000, `${corrected - Date.now()} ms off`);
        }
      }
    },
  },
];

/** Takes half an hour: part of the long tests only. @type {import("./delivery.js").Case[]} */
export const longCases = [
  {
    number: 40,
    title:
      "half an hour of 5 logs a second on a flapping network: none lost, none twice, heap flat",
    async run(lab) {
      lab.collector.answer = () => {
        const dice = Math.random();
        if (dice < 0.05) return status(503);
        if (dice < 0.08) return status(429, { headers: { "retry-after": "2" } });
        return dice < 0.13 ? acceptAndDrop() : accept();
      };
      const page = await lab.visit();
      const until = Date.now() + Number(process.env.SOAK_MS ?? SOAK_MS);
      const expected = [];
      let offline = false;
      let early = 0;
      for (let round = 0; Date.now() < until; round += 1) {
        const messages = times(5, (n) => `soak ${word(round)} ${word(n)}`);
        expected.push(...messages);
        await logAll(page, messages, round % 10 === 0 ? "error" : "info");
        await sleep(1000);
        if (round % 15 === 14) await lab.setOffline((offline = !offline));
        if (round % 30 === 0) assertIdentity(await statsOf(page));
        if (round === 120) early = await heapOf(page);
      }
      await lab.setOffline(false);
      lab.collector.answer = () => accept();
      await lab.expectDelivered(expected, 400_000);
      assertIdentity(await statsOf(page));
      const growth = Math.abs((await heapOf(page)) - (early || (await heapOf(page))));
      assert.ok(growth < 5_000_000, `the heap changed by ${growth} bytes`);
    },
  },
];
