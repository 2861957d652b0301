import assert from "node:assert/strict";
import { test } from "node:test";

import { createClient } from "../../src/client.js";
import { OPTIONS, createWorld, isBalanced } from "../world.js";

const start = (options) => {
  const page = createWorld();
  return { ...page, log: createClient({ ...OPTIONS, ...options }, page.world) };
};
const counts = (events) => events.map(({ message, count = 1 }) => [message, count]);

test("the first goes out with 1, the summary holds only the repeats after it", async () => {
  const { log, events, tick } = start();
  for (let index = 0; index < 5; index++) log.error("again");
  await tick(5000);
  assert.deepEqual(counts(events()), [["again", 1]]);
  assert.ok(isBalanced(log));
  await tick(10_000);
  assert.deepEqual(counts(events()), [
    ["again", 1],
    ["again", 4],
  ]);
  assert.notEqual(events()[0].id, events()[1].id);
  assert.equal(events()[1].extra_data.first_ts, events()[0].created_at);
  const { captured, sent, deduped } = log.stats();
  assert.deepEqual([captured, sent, deduped], [5, 2, 3]);
});

test("the window is exact", async () => {
  const { log, events, tick } = start();
  log.info("tick");
  await tick(9900);
  log.info("tick");
  await tick(200);
  log.info("tick");
  await tick(20_000);
  assert.deepEqual(counts(events()), [
    ["tick", 1],
    ["tick", 1],
    ["tick", 1],
  ]);
  assert.equal(events().filter(({ extra_data }) => extra_data.first_ts).length, 1);
});

test("others in between do not hinder", async () => {
  const { log, events, tick } = start();
  for (const name of ["a", "b", "a", "b", "a"]) log.info(name);
  await tick(20_000);
  assert.deepEqual(counts(events()).sort(), [
    ["a", 1],
    ["a", 2],
    ["b", 1],
    ["b", 1],
  ]);
});

test("another level, context or place is another event", async () => {
  const { log, events, tick } = start();
  log.info("same");
  log.warn("same");
  log.info("same", { order: 1 });
  log.info("same", { order: 2 });
  const fail = () => new TypeError("same");
  log.error(fail());
  log.error(new TypeError("same"));
  await tick(5000);
  assert.equal(events().length, 6);
});

test("the same error from the same place folds", async () => {
  const { log, tick, events } = start();
  for (let index = 0; index < 1000; index++) log.error(new Error("in a loop"));
  await tick(20_000);
  const all = events().map(({ exception, count = 1 }) => [exception.value, count]);
  assert.deepEqual(all, [
    ["in a loop", 1],
    ["in a loop", 999],
  ]);
});

test("more kinds than are remembered: the oldest is summed up", async () => {
  const { log, tick, events } = start({ dedupeMs: 60_000 });
  log.error("oldest");
  log.error("oldest");
  for (let index = 0; index < 210; index++) {
    log.error(`kind ${index}`);
    await tick(60);
  }
  await tick(5000);
  assert.equal(events().filter(({ message }) => message === "oldest").length, 2);
});

test("a repeat of what the hook dropped is dropped too", async () => {
  const { log } = start({ beforeSend: () => null });
  log.info("no");
  log.info("no");
  assert.deepEqual(log.stats().drops, { before_send: 2 });
  assert.ok(isBalanced(log));
});

test("dedupeMs 0 folds nothing", async () => {
  const { log, tick, events } = start({ dedupeMs: 0 });
  log.info("same");
  log.info("same");
  await tick(5000);
  assert.equal(events().length, 2);
});
