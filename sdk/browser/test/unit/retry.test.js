import assert from "node:assert/strict";
import { test } from "node:test";

import { createClient } from "../../src/client.js";
import { OPTIONS, createWorld, isBalanced } from "../world.js";

const start = (options) => {
  const page = createWorld();
  return { ...page, log: createClient({ ...OPTIONS, ...options }, page.world) };
};
const answerWith = (status, headers) => () => new Response("{}", { status, headers });

test("503: four attempts of the same bytes, delays within the bounds, then kept", async () => {
  const { log, world, requests, tick } = start();
  world.answer = 503;
  log.info("x");
  await tick(5000 + 7000);
  assert.equal(requests.length, 4);
  assert.equal(new Set(requests.map(({ body }) => body)).size, 1);
  const delays = requests.slice(1).map(({ at }, index) => at - requests[index].at);
  delays.forEach((delay, index) => assert.ok(delay <= 1000 * 2 ** index, `${delays}`));
  assert.deepEqual([log.stats().stored, log.stats().queued], [1, 0]);
  world.answer = 202;
  await tick(30_000);
  assert.equal(requests.length, 5);
  assert.equal(requests[4].body, requests[0].body);
  assert.deepEqual([log.stats().stored, log.stats().sent], [0, 1]);
});

test("the time of sending is that of each attempt, outside of the body", async () => {
  const { log, world, requests, tick } = start();
  world.answer = 503;
  log.info("x");
  await tick(60_000);
  const times = requests.map(({ url }) => +new URL(url).searchParams.get("sent_at"));
  const start_ms = Date.UTC(2026, 10, 24, 12);
  assert.deepEqual(
    times,
    requests.map(({ at }) => Math.floor(start_ms + at)),
  );
});

for (const [header, least, most] of [
  ["2", 2000, 2000],
  ["Tue, 24 Nov 2026 12:00:09 GMT", 4000, 4000],
  ["99999999", 3_600_000, 3_600_000],
  ["0", 0, 1000],
  ["soon", 0, 1000],
  ["garbage 1", 0, 1000],
  ["Tue, 24 Nov 2020 12:00:09 GMT", 0, 1000],
])
  test(`Retry-After: ${header}`, async () => {
    const { log, world, requests, tick } = start();
    world.answer = answerWith(429, { "Retry-After": header });
    log.info("x");
    await tick(5000);
    world.answer = 202;
    log.info("capture goes on");
    await tick(most);
    assert.ok(requests.length >= 2);
    assert.ok(requests[1].at - requests[0].at >= least);
    assert.ok(requests[1].at - requests[0].at <= most);
    await tick(10_000);
    assert.equal(log.stats().sent, 2);
  });

test("three silences in a row: offline, probed after 30 s, 60 s, ... 5 min", async () => {
  const { log, world, requests, tick } = start();
  world.answer = "lost";
  log.info("x");
  await tick(5000 + 3000);
  assert.equal(requests.length, 3);
  await tick(3_600_000);
  const probes = requests.slice(3).map(({ at }, index) => Math.round(at - requests[index + 2].at));
  assert.deepEqual(probes.slice(0, 6), [30_000, 60_000, 120_000, 240_000, 300_000, 300_000]);
});

test("the online event asks at once", async () => {
  const { log, world, requests, tick, fire, settle } = start();
  world.answer = "lost";
  log.info("x");
  await tick(10_000);
  const before = requests.length;
  world.answer = 202;
  fire("online");
  await settle();
  assert.equal(requests.length, before + 1);
  assert.equal(log.stats().sent, 1);
});

test("no answer within 10 s is none; the next attempt follows", async () => {
  const { log, world, requests, tick } = start();
  world.answer = "hang";
  log.info("x");
  await tick(5000 + 9999);
  assert.equal(requests.length, 1);
  world.answer = 202;
  await tick(1001);
  assert.equal(requests.length, 2);
});

for (const status of [401, 403, 404])
  test(`${status}: one attempt, told once, kept for five minutes`, async () => {
    const problems = [];
    const { log, world, requests, tick } = start({ onError: (one) => problems.push(one) });
    world.answer = status;
    log.info("x");
    await tick(5000);
    log.info("y");
    await tick(100_000);
    assert.equal(requests.length, 1);
    assert.deepEqual(problems, [{ reason: "unauthorized", status, events: 0 }]);
    world.answer = 202;
    await tick(200_000);
    assert.equal(log.stats().sent, 2);
  });

for (const status of [400, 415, 422])
  test(`${status}: dropped, counted, told`, async () => {
    const problems = [];
    const { log, world, requests, tick } = start({ onError: (one) => problems.push(one) });
    world.answer = status;
    log.info("x");
    await tick(60_000);
    assert.equal(requests.length, 1);
    assert.deepEqual(log.stats().drops, { refused: 1 });
    assert.equal(problems[0].events, 1);
    assert.ok(isBalanced(log));
  });

test("413: halves with ids of their own, a giant is cut once and then dropped", async () => {
  const { log, world, requests, tick, events } = start();
  world.answer = ({ body }) => (body.length > 2500 ? 413 : 202);
  for (let index = 0; index < 8; index++) log.info(`${index} ${"x".repeat(300)}`);
  await tick(10_000);
  assert.equal(log.stats().sent, 8);
  assert.equal(
    new Set(requests.map(({ body }) => JSON.parse(body).batch_id)).size,
    requests.length,
  );

  log.info("big context", { text: "y".repeat(6000) });
  await tick(10_000);
  assert.equal(log.stats().sent, 9);
  assert.deepEqual(events().at(-1).extra_data, { seq: 9, _truncated: true });

  world.answer = 413;
  log.info("never");
  await tick(10_000);
  assert.deepEqual(log.stats().drops, { too_large: 1 });
  assert.ok(isBalanced(log));
});

test("a batch older than seven days is dropped and counted", async () => {
  const { log, world, tick, setClock } = start();
  world.answer = "lost";
  log.info("x");
  await tick(10_000);
  setClock(Date.UTC(2026, 11, 2, 12));
  world.answer = 202;
  await tick(400_000);
  assert.deepEqual(log.stats().drops, { expired: 1 });
  assert.ok(isBalanced(log));
});
