import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { createClient } from "../../src/client.js";
import { OPTIONS, createLocks, createStorage, createWorld, isBalanced } from "../world.js";

const RUNS = { numRuns: 60 };
const start = (options, shared) => {
  const page = createWorld(shared);
  return { ...page, log: createClient({ ...OPTIONS, ...options }, page.world) };
};

test("Property 10: every log is in exactly one batch, whole and in order; none is too large", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ gap: fc.integer({ min: 50, max: 4000 }), size: fc.nat(3000) }), {
        minLength: 1,
        maxLength: 40,
      }),
      fc.integer({ min: 1, max: 20 }),
      async (steps, batchSize) => {
        const { log, bodies, tick } = start({ batchSize });
        for (const [index, { gap, size }] of steps.entries()) {
          log.info(`${index} ${"x".repeat(size)}`);
          await tick(gap);
        }
        await tick(5000);
        const batches = bodies();
        const seqs = batches.flatMap(({ events }) => events.map((one) => one.extra_data.seq));
        assert.deepEqual(
          seqs,
          steps.map((_, index) => index + 1),
        );
        for (const { events } of batches) assert.ok(events.length <= batchSize);
        assert.equal(new Set(batches.map(({ batch_id }) => batch_id)).size, batches.length);
        assert.equal(log.stats().sent, steps.length);
      },
    ),
    RUNS,
  ));

test("Property 3: within a window one event and one summary; the counts sum up to all", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({ name: fc.constantFrom("a", "b", "c"), gap: fc.integer({ min: 0, max: 6000 }) }),
        { maxLength: 60 },
      ),
      async (steps) => {
        const { log, events, tick } = start();
        for (const { name, gap } of steps) {
          log.info(name);
          assert.ok(isBalanced(log));
          await tick(gap);
        }
        await tick(30_000);
        for (const name of ["a", "b", "c"]) {
          const own = events().filter(({ message }) => message === name);
          const all = own.reduce((sum, { count = 1 }) => sum + count, 0);
          assert.equal(all, steps.filter((one) => one.name === name).length);
          const firsts = own.filter(({ extra_data }) => !extra_data.first_ts);
          firsts.slice(1).forEach(({ created_at }, index) => {
            const apart = Date.parse(created_at) - Date.parse(firsts[index].created_at);
            assert.ok(apart >= 10_000, `${apart}`);
          });
        }
        const { captured, sent, deduped } = log.stats();
        assert.deepEqual([captured, sent], [steps.length, steps.length - deduped]);
      },
    ),
    RUNS,
  ));

test("retries: at most 4 attempts, full jitter below 1, 2, 4 s, the same bytes each time", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(500, 503, 429, 408, "lost"), { minLength: 4, maxLength: 4 }),
      fc.integer({ min: 0, max: 5 }),
      async (answers, maxRetries) => {
        const { log, world, requests, tick } = start({ maxRetries });
        world.answer = ({ at }) => answers[requests.findIndex((one) => one.at === at)] ?? 503;
        log.info("x");
        await tick(5000 + 29_999);
        assert.ok(requests.length <= maxRetries + 1);
        const silences = answers
          .slice(0, requests.length)
          .join()
          .match(/lost,lost,lost/);
        if (!silences) assert.equal(requests.length, maxRetries + 1);
        requests.slice(1).forEach(({ at, body }, index) => {
          assert.ok(at - requests[index].at <= Math.min(30_000, 1000 * 2 ** index));
          assert.equal(body, requests[0].body);
        });
        assert.equal(log.stats().stored, 1);
      },
    ),
    { numRuns: 40 },
  ));

test("storage: what one page leaves, whatever it holds, the next sends byte by byte", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.string({ unit: "binary", maxLength: 40 }), fc.jsonValue()), {
        minLength: 1,
        maxLength: 25,
      }),
      async (lines) => {
        const shared = { localStorage: createStorage(), locks: createLocks() };
        const first = start({ dedupeMs: 0 }, shared);
        first.world.answer = "lost";
        for (const [text, context] of lines) first.log.error(text, context);
        await first.tick(20_000);
        first.fire("pagehide");
        await first.settle();
        const bodies = Object.values(shared.localStorage).filter((one) => one.startsWith("{"));
        const second = start({}, shared);
        await second.settle();
        assert.deepEqual(second.requests.map(({ body }) => body).sort(), bodies.sort());
        assert.equal(second.log.stats().recovered, lines.length);
        assert.equal(Object.keys(shared.localStorage).length, 0);
      },
    ),
    RUNS,
  ));

const STEP = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      act: fc.constant("log"),
      name: fc.integer({ min: 0, max: 30 }),
      level: fc.constantFrom("info", "warn", "error"),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ act: fc.constant("tick"), ms: fc.integer({ min: 1, max: 40_000 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      act: fc.constant("answer"),
      status: fc.constantFrom(202, 202, 503, 429, 500, 413, "lost", "late"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      act: fc.constantFrom("flush", "hide", "online", "reload", "pause", "resume", "crash"),
    }),
  },
);

test("any schedule of outages, reloads and crashes: the books balance, nothing is lost, nothing stored twice", () =>
  fc.assert(
    fc.asyncProperty(fc.array(STEP, { maxLength: 50 }), async (steps) => {
      const shared = { localStorage: createStorage(), sessionStorage: createStorage() };
      let status = 202;
      /** What the gateway stored: the bytes by batch id. */
      const stored = new Map();
      const collect = ({ body }) => {
        const { batch_id } = JSON.parse(body);
        if (status === 413 && JSON.parse(body).events.length > 2) return 413;
        if (status === 202 || status === "late" || status === 413) {
          assert.equal(stored.get(batch_id) ?? body, body);
          stored.set(batch_id, body);
          return status === "late" ? "lost" : 202; // late: taken, but the answer is lost
        }
        return status;
      };
      let now = Date.UTC(2026, 10, 24, 12);
      let locks = createLocks();
      const open = () => {
        const page = start({ app: "shop" }, { ...shared, locks, now });
        page.world.answer = collect;
        return page;
      };
      let page = open();
      let wanted = 0;
      let lost = 0;
      const settleBooks = () => {
        assert.ok(isBalanced(page.log), JSON.stringify(page.log.stats()));
      };
      for (const step of steps) {
        if (step.act === "log") page.log[step.level](`event ${step.name}`);
        else if (step.act === "tick") await page.tick(step.ms);
        else if (step.act === "answer") ({ status } = step);
        else if (step.act === "flush") {
          const flushed = page.log.flush(500);
          await page.tick(500);
          await flushed;
        } else if (step.act === "hide") page.fire("pagehide");
        else if (step.act === "online") page.fire("online");
        else if (step.act === "pause") page.log.pause();
        else if (step.act === "resume") page.log.resume();
        else {
          // A page that ends tells of it; one that crashes loses what no storage holds.
          page.log.resume();
          if (step.act === "reload") page.fire("pagehide");
          await page.settle();
          const { captured, dropped, queued } = page.log.stats();
          wanted += captured;
          lost += dropped + queued;
          now = page.world.Date.now() + 1000;
          locks = createLocks();
          page = open();
        }
        settleBooks();
      }
      status = 202;
      page.log.resume();
      await page.tick(400_000);
      await page.log.flush(1000);
      await page.tick(400_000);
      settleBooks();
      const { captured, dropped } = page.log.stats();
      wanted += captured;
      lost += dropped;
      const events = [...stored.values()].flatMap((body) => JSON.parse(body).events);
      const occurrences = events.reduce((sum, { count = 1 }) => sum + count, 0);
      assert.equal(new Set(events.map(({ id }) => id)).size, events.length);
      assert.ok(occurrences <= wanted && occurrences + lost >= wanted - foldedInCrash(steps));
      if (!steps.some(({ act }) => ["crash", "pause"].includes(act)) && lost === 0)
        assert.equal(occurrences, wanted);
    }),
    { numRuns: 150 },
  ));

/** Repeats that only counted, in a summary that a crash took: their number is not known. */
const foldedInCrash = (steps) =>
  steps.some(({ act }) => act === "crash") ? steps.filter(({ act }) => act === "log").length : 0;
