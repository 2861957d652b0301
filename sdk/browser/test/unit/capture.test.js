import assert from "node:assert/strict";
import { test } from "node:test";

import { captureConsole, captureViolations } from "../../src/capture.js";
import { createClient } from "../../src/client.js";
import { OPTIONS, createWorld } from "../world.js";

const ADS = { effectiveDirective: "img-src", blockedURI: "https://ads.example/x" };

const start = (options) => {
  const page = createWorld();
  const printed = [];
  for (const name of ["warn", "error"])
    page.world.console[name] = (...all) => printed.push([name, ...all]);
  return { ...page, printed, log: createClient({ ...OPTIONS, ...options }, page.world) };
};
const messagesOf = (events) => events.map(({ level, message }) => [level, message]);

test("what the page prints is printed and logged, until the log ends", async () => {
  const { log, world, printed, tick, events } = start();
  const { error, warn } = world.console;
  captureConsole(log, world);
  world.console.error("shown", { and: "logged" });
  world.console.warn("careful");
  world.console.error(new RangeError("out"));
  await tick(5000);
  assert.deepEqual(printed.slice(0, 2), [
    ["error", "shown", { and: "logged" }],
    ["warn", "careful"],
  ]);
  const [shown, careful, thrown] = events();
  assert.deepEqual(messagesOf([shown, careful]), [
    ["ERROR", "shown"],
    ["WARNING", "careful"],
  ]);
  assert.deepEqual(shown.extra_data.args, [{ and: "logged" }]);
  assert.deepEqual([thrown.kind, thrown.exception.type], ["exception", "RangeError"]);
  await log.close();
  assert.deepEqual([world.console.error, world.console.warn], [error, warn]);
});

test("what is printed while the log works is not logged: it would go on for ever", async () => {
  const { log, world, printed, tick, events } = start({
    beforeSend: () => world.console.warn("in the hook"),
    onError: () => world.console.error("of a refusal"),
  });
  captureConsole(log, world);
  world.answer = 400;
  world.console.error("of the page");
  await tick(5000);
  assert.deepEqual(
    printed.map(([, text]) => text),
    ["of the page", "in the hook", "of a refusal"],
  );
  assert.deepEqual(messagesOf(events()), [["ERROR", "of the page"]]);
  assert.equal(log.stats().captured, 1);
});

test("undone, also where somebody wrapped ours; begun once, and again", () => {
  const { log, world } = start();
  const undo = captureConsole(log, world);
  assert.equal(captureConsole(log, world), undo);
  const { error } = world.console;
  world.console.error = (...all) => error(...all);
  world.console.error("once");
  assert.equal(log.stats().captured, 1);
  undo();
  world.console.error("after");
  assert.equal(log.stats().captured, 1);
  captureConsole(log, world);
  world.console.error("again");
  assert.equal(log.stats().captured, 2);
});

test("what the page's policy blocks is logged, but for our own requests", async () => {
  for (const endpoint of [OPTIONS.endpoint, new URL(OPTIONS.endpoint).pathname]) {
    const { log, world, fire, settle, requests } = start({ endpoint });
    const undo = captureViolations(log, world);
    fire("securitypolicyviolation", {
      effectiveDirective: "img-src",
      blockedURI: "https://u:pw@ads.example/x?token=abc",
    });
    fire("securitypolicyviolation", { effectiveDirective: "script-src", blockedURI: "inline" });
    const blockedURI = `${OPTIONS.endpoint}?key=hw_abc&sent_at=1&`;
    fire("securitypolicyviolation", { effectiveDirective: "connect-src", blockedURI });
    undo();
    fire("securitypolicyviolation", ADS);
    log.flush();
    await settle();
    assert.deepEqual(messagesOf(JSON.parse(requests[0].body).events), [
      ["WARNING", "CSP img-src: https://u:[REDACTED]@ads.example/x?token=[REDACTED]"],
      ["WARNING", "CSP script-src: inline"],
    ]);
  }
});

test("the log's end ends it; what is no log, or no page, is let alone", async () => {
  const { log, world, fire, listeners } = start();
  captureViolations(log, world);
  await log.close();
  fire("securitypolicyviolation", ADS);
  assert.deepEqual(listeners.securitypolicyviolation, []);
  for (const begin of [captureConsole, captureViolations])
    for (const given of [undefined, {}, createClient({}, world)])
      for (const page of [world, {}]) begin(given, page)();
  assert.deepEqual(listeners.securitypolicyviolation, []);
});
