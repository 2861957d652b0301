import assert from "node:assert/strict";
import { test } from "node:test";

import { createClient } from "../../src/client.js";
import { instrumentFetch } from "../../src/requests.js";
import { OPTIONS, createLocks, createStorage, createWorld, isBalanced } from "../world.js";

const start = (shared, options) => {
  const page = createWorld(shared);
  return { ...page, log: createClient({ ...OPTIONS, ...options }, page.world) };
};
const browser = () => ({ localStorage: createStorage(), locks: createLocks() });
const kept = (storage) => Object.keys(storage).filter((key) => key.startsWith("hw:q:"));

/** Leave 25 logs of a page without a connection behind. */
async function leaveOffline(shared) {
  const page = start(shared);
  page.world.answer = "lost";
  for (let index = 0; index < 25; index++) page.log.info(`line ${index}`);
  await page.tick(20_000);
  page.fire("pagehide");
  await page.settle();
  return page;
}

test("what was logged offline is sent by the next page, once, in order, the same bytes", async () => {
  const shared = browser();
  const first = await leaveOffline(shared);
  assert.deepEqual([first.log.stats().stored, kept(shared.localStorage).length], [25, 3]);
  const second = start(shared);
  await second.settle();
  assert.deepEqual(
    second.events().map(({ message }) => message),
    Array.from({ length: 25 }, (_, index) => `line ${index}`),
  );
  assert.equal(second.requests[0].body, first.requests[0].body);
  assert.equal(kept(shared.localStorage).length, 0);
  assert.equal(second.log.stats().recovered, 25);
  assert.ok(isBalanced(first.log) && isBalanced(second.log));
});

test("of two tabs one sends what a third left", async () => {
  const shared = browser();
  await leaveOffline(shared);
  const [a, b] = [start(shared), start(shared)];
  await a.settle();
  await b.settle();
  const ids = [...a.bodies(), ...b.bodies()].map(({ batch_id }) => batch_id);
  assert.equal(ids.length, 3);
  assert.equal(new Set(ids).size, 3);
  assert.equal(b.requests.length, 0);
});

test("a tab that lives keeps its own batches; when it ends another sends them", async () => {
  const shared = browser();
  const a = start(shared);
  a.world.answer = "lost";
  a.log.info("of a");
  await a.tick(20_000);
  const b = start(shared);
  await b.tick(60_000);
  assert.equal(b.requests.length, 0);
  a.fire("pagehide");
  await b.tick(1000);
  assert.equal(b.events()[0].message, "of a");
});

test("without Web Locks age tells what nobody sends", async () => {
  const shared = { localStorage: createStorage() };
  await leaveOffline(shared);
  const early = start({ ...shared, now: Date.UTC(2026, 10, 24, 12, 0, 5) });
  await early.settle();
  assert.equal(early.requests.length, 0);
  const later = start({ ...shared, now: Date.UTC(2026, 10, 24, 13) });
  await later.settle();
  assert.equal(later.log.stats().recovered, 25);
});

test("an error is stored before its batch is full, and only once", async () => {
  const shared = browser();
  const { log, tick, requests } = start(shared);
  log.info("before");
  assert.equal(kept(shared.localStorage).length, 0);
  log.error("broken");
  log.error("broken more");
  const [key] = kept(shared.localStorage);
  assert.equal(kept(shared.localStorage).length, 1);
  assert.equal(JSON.parse(shared.localStorage[key]).events.length, 3);
  log.info("after");
  await tick(5000);
  assert.equal(JSON.parse(requests[0].body).events.length, 4);
  assert.equal(kept(shared.localStorage).length, 0);
});

test("a crash in mid-send: the next page sends the same id and bytes", async () => {
  const shared = browser();
  const crashed = start(shared);
  crashed.world.answer = "hang";
  crashed.log.info("in flight");
  await crashed.tick(5000);
  const next = start({ localStorage: shared.localStorage, locks: createLocks() });
  await next.settle();
  assert.equal(next.requests[0].body, crashed.requests[0].body);
});

test("a full storage: memory has to do, the page's own keys stay", async () => {
  const localStorage = createStorage(100);
  localStorage.setItem("host", "x".repeat(90));
  const { log, world, tick } = start({ localStorage, locks: createLocks() });
  world.answer = 503;
  log.error("no room");
  await tick(10_000);
  assert.deepEqual([log.stats().stored, log.stats().queued], [0, 1]);
  assert.equal(localStorage.host.length, 90);
  world.answer = 202;
  await tick(60_000);
  assert.equal(log.stats().sent, 1);
});

test("a page that may not touch its storage", async () => {
  const page = createWorld();
  for (const name of ["localStorage", "sessionStorage"])
    Object.defineProperty(page.world, name, {
      get() {
        throw new Error("SecurityError");
      },
    });
  const log = createClient(OPTIONS, page.world);
  log.error("works");
  await page.tick(5000);
  assert.equal(log.stats().sent, 1);
});

test("at most 200 batches and 1 MB, those with errors last", async () => {
  const shared = browser();
  const { log, world, tick } = start(shared, { batchSize: 1, dedupeMs: 0 });
  world.answer = "lost";
  for (let index = 0; index < 260; index++) {
    if (index % 10) log.info(`chatter ${index} ${"x".repeat(6000)}`);
    else log.error(`failure ${index}`);
    await tick(100);
  }
  const keys = kept(shared.localStorage);
  const size = keys.reduce((sum, key) => sum + key.length + shared.localStorage[key].length, 0);
  assert.ok(keys.length <= 200 && size <= 1e6, `${keys.length} ${size}`);
  const messages = keys.map((key) => JSON.parse(shared.localStorage[key]).events[0].message);
  assert.equal(messages.filter((one) => one.startsWith("failure")).length, 26);
  assert.ok(log.stats().drops.evicted > 0);
  assert.ok(isBalanced(log));
});

test("what is corrupt, foreign or of another version is removed, the rest sent", async () => {
  const shared = browser();
  await leaveOffline(shared);
  const { localStorage } = shared;
  localStorage.setItem("hw:q:shop:nonsense", "x");
  localStorage.setItem("hw:q:shop:ab:1:0:1:9:01a20d6d-5a00-716c-b795-7560c0990341", "not a batch");
  localStorage.setItem("hw:q:other:kept", "another application's");
  localStorage.setItem("mine", "the host's");
  const { log, settle } = start(shared);
  await settle();
  assert.equal(log.stats().recovered, 25);
  assert.deepEqual(Object.keys(localStorage).sort(), ["hw:q:other:kept", "mine"]);
});

test("a stored batch older than seven days is dropped and told", async () => {
  const shared = browser();
  await leaveOffline(shared);
  const late = start({ ...shared, now: Date.UTC(2026, 11, 2) });
  await late.settle();
  assert.equal(late.requests.length, 0);
  late.log.info("here again");
  await late.tick(5000);
  assert.deepEqual(late.bodies()[0].client_report, { expired: 25 });
  assert.ok(isBalanced(late.log));
});

test("offline: false keeps nothing; a storage of one's own is used", async () => {
  const shared = browser();
  const none = start(shared, { offline: false });
  none.log.error("x");
  assert.equal(kept(shared.localStorage).length, 0);

  const map = new Map();
  const storage = {
    list: async () => [...map.keys()],
    get: async (key) => map.get(key) ?? null,
    put: async (key, value) => map.set(key, value),
    remove: async (key) => map.delete(key),
  };
  const first = start({ locks: createLocks() }, { offline: { storage } });
  first.world.answer = "lost";
  first.log.error("kept");
  await first.tick(10_000);
  assert.equal(map.size, 1);
  const second = start({ locks: createLocks() }, { offline: { storage } });
  await second.settle();
  assert.equal(second.events()[0].message, "kept");
  assert.equal(map.size, 0);
});

test("without consent nothing is sent and nothing is stored", async () => {
  const shared = browser();
  const { log, requests, tick, fire } = start(shared);
  log.error("before");
  log.pause();
  log.error("during");
  fire("pagehide");
  await tick(60_000);
  assert.deepEqual([requests.length, kept(shared.localStorage).length], [0, 0]);
  assert.deepEqual(log.stats().drops, { paused: 1 });
  fire("pageshow", { persisted: true });
  log.resume();
  await tick(5000);
  assert.equal(log.stats().sent, 1);
  assert.ok(isBalanced(log));
});

test("close sends, ends every listener and frees the locks", async () => {
  const shared = browser();
  const { log, world, listeners, requests } = start(shared);
  const { fetch } = world;
  instrumentFetch(log, world);
  log.info("last");
  assert.equal(await log.close(), true);
  assert.equal(requests.length, 1);
  assert.equal(world.fetch, fetch);
  assert.deepEqual(Object.values(listeners).flat(), []);
  assert.deepEqual((await shared.locks.query()).held, []);
  log.info("too late");
  assert.equal(log.stats().captured, 1);
});
