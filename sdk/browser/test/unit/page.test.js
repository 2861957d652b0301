import assert from "node:assert/strict";
import { test } from "node:test";

import { createClient } from "../../src/client.js";
import { init } from "../../src/index.js";
import { OPTIONS, createLocks, createStorage, createWorld, isBalanced } from "../world.js";

const start = (options, shared) => {
  const page = createWorld(shared);
  return { ...page, log: createClient({ ...OPTIONS, ...options }, page.world) };
};

test("errors and rejections of the page become exceptions", async () => {
  const { fire, tick, events } = start();
  fire("error", { error: new RangeError("out"), message: "Uncaught RangeError: out" });
  fire("error", { error: null, message: "Script error." });
  fire("error", { error: null, message: "ResizeObserver loop completed with notifications" });
  fire("unhandledrejection", { reason: new Error("rejected", { cause: "why" }) });
  fire("unhandledrejection", { reason: { code: 7 } });
  fire("unhandledrejection", {});
  await tick(5000);
  assert.deepEqual(
    events().map(({ kind, level, exception: { type, value, cause } }) => [
      kind,
      level,
      type,
      value,
      cause?.map((one) => one.value),
    ]),
    [
      ["exception", "ERROR", "RangeError", "out", undefined],
      ["exception", "ERROR", "Error", "Script error.", undefined],
      ["exception", "ERROR", "Error", "rejected", ["why"]],
      ["exception", "ERROR", "UnhandledRejection", '{"code":7}', undefined],
      ["exception", "ERROR", "UnhandledRejection", "null", undefined],
    ],
  );
});

test("what is not wanted is not captured", () => {
  const off = start({ capture: { errors: false, rejections: false } });
  off.fire("error", { error: new Error("no") });
  off.fire("unhandledrejection", { reason: new Error("no") });
  off.world.console.error("no");
  off.fire("securitypolicyviolation", { effectiveDirective: "img-src", blockedURI: "inline" });
  assert.equal(off.log.stats().captured, 0);
});

test("when the page goes all is sent at once, in requests that outlive it", async () => {
  const { log, fire, requests, events } = start();
  log.info("first");
  log.info("twice");
  log.info("twice");
  fire("pagehide");
  assert.equal(requests.length, 1); // without waiting for anything
  assert.equal(requests[0].keepalive, true);
  assert.deepEqual(
    events().map(({ message, count }) => [message, count]),
    [
      ["first", undefined],
      ["twice", undefined],
      ["twice", 1],
    ],
  );
  log.info("in a later listener");
  assert.equal(requests.length, 2);
});

test("hidden, and there again", async () => {
  const { log, world, requests, tick } = start();
  log.info("first");
  world.document.visibilityState = "hidden";
  world.document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(requests.length, 1);
  await tick(1);
  log.info("in the background");
  await tick(4998);
  assert.equal(requests.length, 1);
  await tick(5000);
  assert.equal(requests.length, 2);
  assert.equal(log.stats().sent, 2);
});

test("what does not fit into the budget of bytes stays stored", async () => {
  const localStorage = createStorage();
  const { log, world, requests, fire } = start(
    { batchSize: 1000 },
    { localStorage, locks: createLocks() },
  );
  world.answer = "hang";
  for (let index = 0; index < 30; index++) log.info(`${index} ${"ж".repeat(2500)}`);
  fire("pagehide");
  const flying = requests.filter(({ keepalive }) => keepalive);
  const bytes = flying.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0);
  assert.ok(flying.length >= 1 && bytes <= 60 * 1024, `${bytes}`);
  assert.equal(log.stats().stored, 30);
});

test("keepalive false: a beacon on the way out, and the copy stays until it is answered", async () => {
  const localStorage = createStorage();
  const { log, fire, requests, beacons, settle } = start(
    { keepalive: false },
    { localStorage, locks: createLocks() },
  );
  log.info("x");
  fire("pagehide");
  await settle();
  assert.deepEqual([requests.length, beacons.length], [0, 1]);
  assert.match(beacons[0].url, /key=hw_abc/);
  assert.equal(Object.keys(localStorage).length, 1);
});

test("back from the cache of pages: listeners live, what another tab sent is not sent again", async () => {
  const shared = { localStorage: createStorage(), locks: createLocks() };
  const a = start({}, shared);
  a.world.answer = "lost";
  a.log.info("x");
  await a.tick(20_000);
  a.fire("pagehide");
  const b = start({}, shared);
  await b.settle();
  assert.equal(b.log.stats().recovered, 1);
  a.world.answer = 202;
  a.requests.length = 0;
  a.fire("pageshow", { persisted: true });
  await a.tick(400_000);
  assert.equal(a.requests.length, 0);
  assert.equal(a.log.stats().handed_over, 1);
  a.log.info("again");
  await a.tick(5000);
  assert.equal(a.requests.length, 1);
  assert.ok(isBalanced(a.log));
});

test("the visit: one trace id over reloads, a new one after half an hour and on demand", async () => {
  const sessionStorage = createStorage();
  const now = Date.UTC(2026, 10, 24, 12);
  const first = start({}, { sessionStorage, now });
  const trace = first.log.traceId();
  assert.match(trace, /^[0-9a-f]{32}$/);
  assert.equal(start({}, { sessionStorage, now: now + 60_000 }).log.traceId(), trace);
  assert.notEqual(start({}, { sessionStorage, now: now + 3_600_000 }).log.traceId(), trace);
  const fresh = first.log.newTrace();
  assert.notEqual(fresh, trace);
  assert.equal(first.log.traceId(), fresh);
});

test("init twice gives the first log; on a server it does nothing", () => {
  const one = init(OPTIONS);
  assert.equal(init({ ...OPTIONS }), one);
  assert.notEqual(init({ ...OPTIONS, app: "other" }), one);
  one.error("nowhere to go");
  assert.equal(one.stats().captured, 0);
  assert.equal(init(undefined).stats().captured, 0);
});

const { proxy: revoked, revoke } = Proxy.revocable({}, {});
revoke();
const hostile = [
  undefined,
  null,
  revoked,
  Symbol("s"),
  10n,
  NaN,
  () => {},
  {
    get boom() {
      throw new Error("getter");
    },
  },
  {
    toString() {
      throw new Error("toString");
    },
  },
  Object.create(null),
  new Date(NaN),
  [revoked, [[[[[[[[]]]]]]]]],
];

test("no call ever throws, whatever it is given", async () => {
  const { log, tick } = start({
    beforeSend() {
      throw new Error("hook");
    },
    onError() {
      throw new Error("handler");
    },
  });
  for (const one of hostile)
    for (const act of [
      () => log.debug(one),
      () => log.info(one, one),
      () => log.error("text", one),
      () => log.captureException(one, one),
      () => log.captureException(one, { level: one, fingerprint: one, ctx: one }),
      () => log.setUser(one),
      () => log.setContext(one, one),
      () => log.child(one).warn(one),
      () => log.traceFor(one),
    ])
      assert.doesNotThrow(act);
  await tick(60_000);
  assert.ok(isBalanced(log));
  assert.equal(log.stats().drops.internal, undefined);
  for (const one of hostile) {
    log.onClose(one);
    for (const end of ["flush", "close"])
      await Promise.all([assert.doesNotReject(log[end](one)), tick(60_000)]);
  }
});

test("init never throws: what cannot be meant is told of, and the log takes nothing", async () => {
  const { world } = createWorld();
  const told = [];
  const own = Object.getOwnPropertyDescriptor(globalThis, "console");
  const names = [...Object.keys(OPTIONS), "level", "batchSize", "offline", "propagateTo"];
  names.push("capture", "redact", "beforeSend", "onError", "env", "release");
  globalThis.document = world.document;
  globalThis.addEventListener = world.addEventListener;
  globalThis.console = { error: (...all) => told.push(all) };
  try {
    for (const one of [
      ...hostile,
      [],
      5,
      "x",
      [5],
      { keys: "x" },
      { keys: [5] },
      { patterns: ["("] },
    ])
      for (const options of [one, ...names.map((name) => ({ ...OPTIONS, [name]: one }))]) {
        const log = init(options);
        log.info("x");
        await log.close(0);
        assert.ok(isBalanced(log));
      }
  } finally {
    Object.defineProperty(globalThis, "console", own);
    delete globalThis.document;
    delete globalThis.addEventListener;
  }
  assert.ok(told.length > 0 && told.every(([name]) => name === "headwater"));
});

test("patterns may be texts, one alone, with flags of any kind", async () => {
  for (const patterns of [["emp-[0-9]+"], "emp-[0-9]+", /EMP-\d+/i, [/emp-[0-9]+/gy, "other"]]) {
    const { log, tick, events } = start({ redact: { patterns } });
    log.info("emp-17 met emp-18");
    await tick(5000);
    assert.equal(events()[0].message, "[REDACTED] met [REDACTED]");
  }
});
