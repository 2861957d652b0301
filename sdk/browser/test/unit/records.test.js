import assert from "node:assert/strict";
import { test } from "node:test";

import { createClient } from "../../src/client.js";
import { describe, readStack } from "../../src/record/errors.js";
import { uuid7 } from "../../src/record/ids.js";
import { createPlain, encode } from "../../src/record/plain.js";
import { OPTIONS, createWorld } from "../world.js";

const plain = (value) => createPlain().plain(value);
const start = (options) => {
  const page = createWorld();
  return { ...page, log: createClient({ ...OPTIONS, ...options }, page.world) };
};

test("plain values of anything", () => {
  const loop = { name: "loop" };
  loop.self = loop;
  class Money {
    amount = 3;
  }
  const value = {
    loop,
    big: 10n,
    symbol: Symbol("s"),
    nan: NaN,
    nothing: undefined,
    act() {},
    map: new Map([["a", 1]]),
    set: new Set([1, 2]),
    date: new Date(0),
    never: new Date(NaN),
    url: new URL("https://a.example/b"),
    bytes: new Uint8Array(5_000_000),
    money: new Money(),
    node: { nodeType: 1, nodeName: "DIV" },
    error: new TypeError("oops"),
    get broken() {
      throw new Error("getter");
    },
    shared: [loop.name, loop.name],
  };
  value.window = {};
  value.window.window = value.window;
  const result = JSON.parse(encode(plain(value)));
  assert.match(result.error.stack, /^TypeError: oops/);
  delete result.error.stack;
  assert.deepEqual(result, {
    loop: { name: "loop", self: "[Circular]" },
    big: "10",
    symbol: "Symbol(s)",
    nan: "NaN",
    nothing: null,
    act: "[Function]",
    map: { a: 1 },
    set: [1, 2],
    date: "1970-01-01T00:00:00.000Z",
    never: "[Unreadable]",
    url: "https://a.example/b",
    bytes: "[object Uint8Array]",
    money: { amount: 3 },
    node: "<DIV>",
    error: { type: "TypeError", value: "oops" },
    broken: "[Unreadable]",
    shared: ["loop", "loop"],
    window: "[Object]",
  });
});

test("depth, entries and texts are bounded, and it says so", () => {
  let deep = {};
  for (let index = 0; index < 10_000; index++) deep = { deep };
  for (const value of [
    deep,
    Array(1e6).fill(1),
    "x".repeat(1e6),
    { text: Array(90).fill("y".repeat(8000)) },
  ]) {
    const one = createPlain();
    assert.ok(encode(one.plain(value)).length < 60_000);
    assert.ok(one.isCut());
  }
  const small = createPlain();
  small.plain({ a: [1, "b"] });
  assert.equal(small.isCut(), false);
});

test("texts are valid Unicode, cut or not", () => {
  assert.equal(plain("a\ud800b\udc00c\0d😀"), "a\ufffdb\ufffdc\ufffdd😀");
  assert.ok(plain("😀".repeat(5000)).isWellFormed?.() ?? true);
});

test("a page that overrides toJSON changes nothing", () => {
  Array.prototype.toJSON = () => "broken";
  Object.prototype.toJSON = () => "broken";
  try {
    assert.equal(encode(plain({ a: [1, { b: 2 }] })), '{"a":[1,{"b":2}]}');
  } finally {
    delete Array.prototype.toJSON;
    delete Object.prototype.toJSON;
  }
});

test("stacks of Chromium, Firefox and Safari", () => {
  const at = (name, line, column) => ({
    function: name,
    file: "https://a.example/b.js",
    line,
    column,
  });
  assert.deepEqual(
    readStack(
      "TypeError: x\n    at shop.pay (https://a.example/b.js:1:2)\n    at https://a.example/b.js:3:4\n    at async go (https://a.example/b.js:5:6)",
      String,
    ),
    [at("shop.pay", 1, 2), at("?", 3, 4), at("async go", 5, 6)],
  );
  assert.deepEqual(
    readStack("pay@https://a.example/b.js:1:2\n@https://a.example/b.js:3:4\n", String),
    [at("pay", 1, 2), at("?", 3, 4)],
  );
  assert.equal(readStack("at f (https://a.example/b.js:1:2)\n".repeat(99), String).length, 50);
});

test("causes and the errors of an AggregateError, not for ever", () => {
  const inner = new Error("inner");
  const outer = new AggregateError([new Error("one"), "two"], "outer", { cause: inner });
  inner.cause = outer;
  const { value, cause } = describe(outer, createPlain());
  assert.deepEqual([value, cause.map((one) => one.value)], ["outer", ["inner", "one", "two"]]);
  let chain = new Error("0");
  for (let index = 1; index < 20; index++) chain = new Error(`${index}`, { cause: chain });
  assert.equal(describe(chain, createPlain()).cause.length, 5);
});

test("an event over 64 KiB is cut down, not lost", async () => {
  const { log, events, tick } = start();
  log.info("漢".repeat(8000), { a: "漢".repeat(8000), b: "漢".repeat(8000), c: "漢".repeat(8000) });
  await tick(5000);
  const [event] = events();
  assert.ok(Buffer.byteLength(JSON.stringify(event)) <= 64 * 1024);
  assert.equal(event.extra_data._truncated, true);
});

test("redacted before the hook and after it", async () => {
  const seen = [];
  const { log, requests, tick } = start({
    beforeSend(event) {
      seen.push(JSON.stringify(event));
      event.extra_data.added = { password: "hunter2" };
      event.message += " token=hunter2";
      return event;
    },
  });
  log.setUser("mail password=hunter2").info("login password=hunter2", { secret: "hunter2" });
  await tick(5000);
  assert.ok(!seen.join().includes("hunter2"));
  assert.ok(!requests[0].body.includes("hunter2"));
  assert.match(requests[0].body, /token=\[REDACTED\]/);
});

for (const [name, beforeSend, failed] of [
  [
    "throws",
    () => {
      throw new Error("hook");
    },
    1,
  ],
  ["promises", async () => null, 1],
  ["answers nonsense", () => 5, 1],
  ["answers nothing", () => {}, 0],
])
  test(`a hook that ${name}: the event is sent`, async () => {
    const { log, events, tick } = start({ beforeSend });
    log.info("kept");
    await tick(5000);
    assert.equal(events()[0].message, "kept");
    assert.equal(log.stats().hook_failed, failed);
  });

test("a log of an error, with words and without", async () => {
  const { log, events, tick } = start();
  log.error(new TypeError("a"));
  log.warn("while paying", new RangeError("b"));
  log.captureException("thrown text", { level: "fatal", fingerprint: "pay", ctx: { cart: 3 } });
  log.child({ part: "child" }).fatal("in a child", [1, 2]);
  await tick(5000);
  assert.deepEqual(
    events().map(({ kind, level, exception, message, extra_data }) => [
      kind,
      level,
      exception?.type,
      exception?.value ?? message,
      extra_data,
    ]),
    [
      ["exception", "ERROR", "TypeError", "a", { seq: 1 }],
      ["exception", "WARNING", "RangeError", "b", { message: "while paying", seq: 2 }],
      ["exception", "CRITICAL", "Error", "thrown text", { fingerprint: "pay", cart: 3, seq: 3 }],
      ["log", "CRITICAL", undefined, "in a child", { part: "child", value: [1, 2], seq: 4 }],
    ],
  );
});

test("ids are version 7 and hold their time", () => {
  const ids = Array.from({ length: 1000 }, () => uuid7(1_795_521_600_000));
  assert.equal(new Set(ids).size, 1000);
  for (const id of ids) assert.match(id, /^01a20d6d-5a00-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
});
