import assert from "node:assert/strict";
import { test } from "node:test";

import axios from "axios";

import { instrumentAxios } from "../../src/axios.js";
import { createClient } from "../../src/client.js";
import { createFetch, instrumentFetch, instrumentXhr } from "../../src/requests.js";
import { OPTIONS, createWorld } from "../world.js";

const start = (options) => {
  const page = createWorld();
  return { ...page, log: createClient({ ...OPTIONS, ...options }, page.world) };
};
const traceOf = (request) => new Headers(request.headers).get("X-Trace-Id");

test("fetch: the page's origin and those on the list get the trace id, nobody else", async () => {
  const { log, world, requests } = start({
    propagateTo: ["https://api.example/", /^https:\/\/[a-z]+\.shop\.example\//],
  });
  instrumentFetch(log, world);
  const wanted = {
    "/orders": true,
    "https://shop.example/x": true,
    "https://api.example/v1": true,
    "https://img.shop.example/y": true,
    "https://third.party/z": false,
    "https://api.example.evil/": false,
    [OPTIONS.endpoint]: false,
  };
  for (const url of Object.keys(wanted)) await world.fetch(url, { method: "POST", body: "x" });
  assert.deepEqual(
    requests.map((request) => traceOf(request) === log.traceId()),
    Object.values(wanted),
  );
});

test("what is no log, no page and no Axios is left alone", () => {
  for (const one of [undefined, null, 5, {}, Symbol("s")]) {
    const { world } = createWorld();
    for (const undo of [
      instrumentFetch(one, world),
      instrumentXhr(one, world),
      instrumentAxios(one, one),
      instrumentAxios(axios.create(), one),
    ])
      assert.doesNotThrow(undo);
  }
});

test("fetch: an own trace id stays; headers, body and answer are the caller's", async () => {
  const { log, world, requests } = start();
  world.answer = () => new Response("seen", { status: 201 });
  instrumentFetch(log, world);
  const body = new Uint8Array([1, 2]);
  const answer = await world.fetch("/a", {
    method: "PUT",
    body,
    headers: { "x-trace-id": "mine", a: "b" },
  });
  assert.equal(await answer.text(), "seen");
  assert.equal(requests[0].body, body);
  assert.equal(traceOf(requests[0]), "mine");
  assert.equal(new Headers(requests[0].headers).get("a"), "b");
});

test("fetch: failures are the caller's own, and undo gives back the original", async () => {
  const { log, world, events, tick } = start();
  const { fetch } = world;
  const undo = instrumentFetch(log, world);
  world.answer = "lost";
  await assert.rejects(world.fetch("/a"), TypeError);
  undo();
  assert.equal(world.fetch, fetch);
  world.answer = 202;
  await tick(5000);
  assert.equal(events()[0].status_code, 0);

  instrumentFetch(log, world);
  const ours = world.fetch;
  const wrapped = (...given) => ours(...given);
  world.fetch = wrapped;
  await log.close();
  assert.equal(world.fetch, wrapped);
});

test("fetch: the time of a request is a sample, its path a template", async () => {
  const { log, events, tick, world } = start();
  const plain = world.answer;
  world.answer = () => new Promise((resolve) => world.setTimeout(() => resolve(204), 1043));
  const pending = createFetch(
    log,
    world,
  )("/api/orders/1234/items/01a20d6d-5a00-716c-b795-7560c0990341?token=abc");
  await tick(1043);
  await pending;
  world.answer = plain;
  await tick(5000);
  const [{ kind, request_method, request_path, status_code, duration_ms }] = events();
  assert.deepEqual(
    [kind, request_method, request_path, status_code, duration_ms],
    ["request", "GET", "/api/orders/{id}/items/{id}", 204, 1043],
  );
});

/** A stand-in for the browser's, which remembers what was set. */
class FakeXhr extends EventTarget {
  headers = [];
  status = 0;
  open(...given) {
    this.opened = given;
  }
  setRequestHeader(name, value) {
    this.headers.push([name, value]);
  }
  send(body) {
    this.body = body;
    this.status = 200;
    this.dispatchEvent(new Event("loadend"));
  }
}

test("XHR: trace id and sample, own header kept, undone", async () => {
  const { log, world, events, tick } = start();
  world.XMLHttpRequest = FakeXhr;
  const { open, send } = FakeXhr.prototype;
  const undo = instrumentXhr(log, world);
  const make = (url, ...headers) => {
    const request = new FakeXhr();
    request.open("post", url, true);
    headers.forEach((header) => request.setRequestHeader(...header));
    request.send("body");
    return request;
  };
  assert.deepEqual(make("/a").headers, [["X-Trace-Id", log.traceId()]]);
  assert.deepEqual(make("/a", ["x-trace-id", "mine"]).headers, [["x-trace-id", "mine"]]);
  assert.deepEqual(make("https://third.party/").headers, []);
  assert.equal(make("/b").body, "body");
  undo();
  assert.deepEqual(make("/a").headers, []);
  assert.deepEqual([FakeXhr.prototype.open, FakeXhr.prototype.send], [open, send]);
  await tick(5000);
  assert.deepEqual(
    events().map(({ request_method, request_path, status_code }) => [
      request_method,
      request_path,
      status_code,
    ]),
    [
      ["POST", "/a", 200],
      ["POST", "/a", 200],
      ["POST", "/b", 200],
    ],
  );
});

test("Axios: trace id by an interceptor, own header kept, errors unchanged, undone", async () => {
  const { log } = start();
  const seen = [];
  const failure = new Error("of the adapter");
  const client = axios.create({
    baseURL: "https://shop.example/api/",
    adapter: async (config) => {
      seen.push(config.headers.get("X-Trace-Id"));
      if (config.url === "fail") throw failure;
      return { data: 1, status: 200, headers: {}, config };
    },
  });
  const undo = instrumentAxios(client, log);
  await client.get("orders", { params: { a: 1 } });
  await client.get("orders", { headers: { "X-Trace-Id": "mine" } });
  await client.get("https://third.party/");
  await assert.rejects(client.get("fail"), failure);
  undo();
  await client.get("orders");
  assert.deepEqual(seen, [log.traceId(), "mine", undefined, log.traceId(), undefined]);
});

test("Property 2: every request to our own origin carries the visit's trace id", async () => {
  const { log, world, requests, tick, events } = start();
  instrumentFetch(log, world);
  for (const method of ["GET", "POST", "DELETE"]) await world.fetch("/x", { method });
  log.info("beside them");
  await tick(5000);
  const ids = new Set([
    ...requests.slice(0, 3).map(traceOf),
    ...events().map((one) => one.trace_id),
  ]);
  assert.deepEqual([...ids], [log.traceId()]);
});
