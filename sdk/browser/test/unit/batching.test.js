import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { createClient } from "../../src/client.js";
import { gzip } from "../../src/gzip.js";
import { OPTIONS, createWorld, isBalanced } from "../world.js";

const start = (options) => {
  const page = createWorld();
  return { ...page, log: createClient({ ...OPTIONS, ...options }, page.world) };
};

test("ten logs make a batch, at once", async () => {
  const { log, requests, bodies, settle } = start();
  for (let index = 0; index < 9; index++) log.info(`line ${index}`);
  await settle();
  assert.equal(requests.length, 0);
  log.info("line 9");
  await settle();
  assert.equal(requests.length, 1);
  assert.deepEqual(
    bodies()[0].events.map(({ message }) => message),
    Array.from({ length: 10 }, (_, index) => `line ${index}`),
  );
  assert.equal(log.stats().sent, 10);
});

test("fewer wait five seconds from the first", async () => {
  const { log, requests, tick } = start();
  log.info("one");
  await tick(3000);
  log.info("two");
  await tick(1999);
  assert.equal(requests.length, 0);
  await tick(1);
  assert.equal(requests.length, 1);
  assert.equal(JSON.parse(requests[0].body).events.length, 2);
});

test("size and time are options; nonsense is not taken", async () => {
  const quick = start({ batchSize: 2, flushMs: 100 });
  quick.log.info("a");
  quick.log.info("b");
  await quick.settle();
  assert.equal(quick.requests.length, 1);
  quick.log.info("c");
  await quick.tick(100);
  assert.equal(quick.requests.length, 2);

  const odd = start({ batchSize: "many", flushMs: -1, maxRetries: NaN, sampleRate: "x" });
  odd.log.info("a");
  await odd.tick(5000);
  assert.equal(odd.requests.length, 1);
});

test("a batch has the shape of the ingest contract", async () => {
  const { log, bodies, tick, requests } = start({ release: "1.2.3", env: "test" });
  log.setUser({ id: 7, name: "not sent" }).setContext("cart", { items: 3 });
  log.warn("careful", { step: 2 });
  await tick(5000);
  const [{ batch_id, release, environment, sdk, events }] = bodies();
  assert.match(batch_id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.deepEqual([release, environment], ["1.2.3", "test"]);
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url)));
  assert.deepEqual(sdk, { name: "headwater-browser", version });
  const [{ id, created_at, trace_id, session_id, ...event }] = events;
  assert.deepEqual(event, {
    kind: "log",
    level: "WARNING",
    source: "frontend",
    message: "careful",
    user_id: "7",
    request_path: "/cart",
    extra_data: { cart: { items: 3 }, step: 2, seq: 1 },
  });
  assert.equal(parseInt(id.replaceAll("-", "").slice(0, 12), 16), Date.parse(created_at));
  assert.match(trace_id, /^[0-9a-f]{32}$/);
  assert.match(session_id, /^[0-9a-f]{32}$/);
  const address = new URL(requests[0].url);
  assert.equal(address.searchParams.get("key"), OPTIONS.apiKey);
  assert.equal(+address.searchParams.get("sent_at"), Date.UTC(2026, 10, 24, 12, 0, 5));
  assert.equal(requests[0].headers["Content-Type"], "text/plain");
});

test("48 KiB close a batch, counted in bytes", async () => {
  const { log, requests, settle } = start();
  for (let index = 0; index < 4; index++) log.info(`${index}${"ш".repeat(7000)}`);
  await settle();
  assert.equal(requests.length, 1);
  assert.equal(JSON.parse(requests[0].body).events.length, 3);
  assert.ok(Buffer.byteLength(requests[0].body) < 50_000);
});

test("levels below the threshold are not looked at", async () => {
  const { log } = start({ level: "warn" });
  log.info("no");
  log.debug("no");
  log.warn("yes");
  assert.equal(log.stats().captured, 1);
});

test("sampling leaves out and counts", () => {
  const { log } = start({ sampleRate: 0 });
  log.info("no");
  log.error("no");
  const { captured, sampled, queued } = log.stats();
  assert.deepEqual([captured, sampled, queued], [2, 2, 0]);
});

test("a flood passes the rate guard only in part, errors last", () => {
  const { log } = start();
  for (let index = 0; index < 1000; index++) log.info(`chatter ${index}`);
  assert.equal(log.stats().drops.rate_limited, 1000 - 150);
  for (let index = 0; index < 100; index++) log.error(`failure ${index}`);
  assert.equal(log.stats().drops.rate_limited, 1000 - 150 + 50);
  assert.ok(isBalanced(log));
});

test("losses are told with the next batch, once", async () => {
  const { log, bodies, tick, settle } = start();
  for (let index = 0; index < 160; index++) log.info(`chatter ${index}`);
  await settle();
  await tick(10_000);
  log.info("later");
  await tick(5000);
  const told = bodies().flatMap(({ client_report }) => client_report ?? []);
  assert.deepEqual(told, [{ rate_limited: 10 }]);
});

test("flush sends at once and says whether all went", async () => {
  const { log, world, requests, tick } = start();
  log.info("now");
  assert.equal(await log.flush(), true);
  assert.equal(requests.length, 1);
  world.answer = "lost";
  log.info("later");
  const flushed = log.flush(1000);
  await tick(1000);
  assert.equal(await flushed, false);
});

test("rejected events of an accepted batch are counted as lost", async () => {
  const { log, world, tick } = start();
  world.answer = () =>
    new Response('{"accepted":1,"rejected":[{"index":0,"reason":"too_deep"}]}', { status: 202 });
  log.info("good");
  log.info("bad");
  await tick(5000);
  assert.deepEqual([log.stats().sent, log.stats().drops.rejected], [1, 1]);
  assert.ok(isBalanced(log));
});

test("a body larger than 1 kB is gzipped where the page asks for it", async () => {
  const { log, requests, tick } = start({ gzip });
  log.info("x".repeat(3000));
  await tick(5000);
  // The one thing here that takes real time.
  for (let turn = 0; turn < 1000 && !requests.length; turn++) await sleep(2);
  assert.equal(requests[0].headers["Content-Encoding"], "gzip");
  assert.ok(requests[0].body.size < 1000);
  log.info("small");
  await tick(5000);
  assert.equal(requests[1].headers["Content-Encoding"], undefined);
});

test("what the page cannot compress goes out as it is", async () => {
  const ways = [
    (body) => gzip(body, {}), // a browser without CompressionStream
    () => Promise.reject(new Error("out of memory")),
    () => {
      throw new Error("its own failure");
    },
    true,
  ];
  for (const way of ways) {
    const { log, requests, tick } = start({ gzip: way });
    log.info("x".repeat(3000));
    await tick(5000);
    assert.equal(requests[0].headers["Content-Encoding"], undefined);
    assert.equal(JSON.parse(requests[0].body).events[0].message.length, 3000);
    assert.equal(log.stats().sent, 1);
  }
});
