// node run.js [NAME ...]: measures the SDKs in one Chromium and prints the figures as JSON.
import { launch } from "../../sdk/browser/test/chromium/browser.js";

import { bundle } from "./bundles.js";
import { cases } from "./cases.js";
import { Receiver } from "./receiver.js";
import { Site } from "./site.js";

const ALL = ["headwater", "sentry", "datadog", "opentelemetry", "faro"];
const FRESH_PAGES = 7;
const CALLS = 100;
const FLOOD = 10_000;

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const letters = (number) =>
  [...number.toString(26)].map((digit) => String.fromCharCode(97 + parseInt(digit, 26))).join("");

/** Opens a context, a site and a receiver for one SDK, and hands them to `use`. */
async function onStage(browser, script, use) {
  const receiver = await new Receiver().start();
  const site = await new Site(script, receiver.origin).start();
  const context = await browser.newContext({ locale: "en-US", permissions: ["local-network-access"] });
  let sent = 0;
  const say = async (page, count, level = "log") => {
    const texts = Array.from({ length: count }, () => text((sent += 1)));
    await page.evaluate(([all, by]) => all.forEach((one) => window.sdk[by](one)), [texts, level]);
  };
  try {
    return await use({ context, site, receiver, say, sent: () => sent });
  } finally {
    await context.close();
    await Promise.all([site.stop(), receiver.stop()]);
  }
}

/** A message that no SDK takes for another one. */
const text = (number) => `evt-${letters(number)}-end parcel left the warehouse by the night train`;

/** Microseconds of a call: 100 different logs on a fresh page, before any rate limit. */
async function timeCalls(browser, script) {
  const took = [];
  for (let round = 0; round < FRESH_PAGES; round += 1) {
    const ms = await onStage(browser, script, async ({ context, site }) => {
      const page = await context.newPage();
      await page.goto(`${site.origin}/`);
      await sleep(300);
      return page.evaluate((count) => {
        const texts = Array.from({ length: count }, (_, n) => `call ${String.fromCharCode(97 + (n % 26), 97 + ((n / 26) | 0))} of many`);
        const began = performance.now();
        for (const one of texts) window.sdk.log(one);
        return performance.now() - began;
      }, CALLS);
    });
    took.push((ms * 1000) / CALLS);
  }
  return median(took);
}

/** Main-thread milliseconds of 10,000 different logs within a few seconds, until all is quiet. */
async function timeFlood(browser, script) {
  return onStage(browser, script, async ({ context, site, receiver }) => {
    const page = await context.newPage();
    await page.goto(`${site.origin}/`);
    await sleep(500);
    const session = await context.newCDPSession(page);
    await session.send("Performance.enable");
    const busy = async () => {
      const { metrics } = await session.send("Performance.getMetrics");
      return metrics.find(({ name }) => name === "TaskDuration").value * 1000;
    };
    const before = await busy();
    await page.evaluate(async (count) => {
      const letter = (n) => [...n.toString(26)].map((d) => String.fromCharCode(97 + parseInt(d, 26))).join("");
      for (let n = 0; n < count; n += 1) {
        window.sdk.log(`evt-${letter(n)}-end parcel left the warehouse by the night train`);
        if (n % 100 === 99) await new Promise((done) => setTimeout(done, 10));
      }
    }, FLOOD);
    await sleep(8000);
    return { ms: (await busy()) - before, delivered: receiver.seen.size };
  });
}

/** Bytes of heads and bodies for one event, of 100 logged one by one. */
async function weigh(browser, script) {
  return onStage(browser, script, async ({ context, site, receiver, say, sent }) => {
    const page = await context.newPage();
    await page.goto(`${site.origin}/`);
    await sleep(1500);
    const [bytes, requests] = [receiver.bytes, receiver.requests];
    for (let round = 0; round < 100; round += 1) {
      await say(page, 1);
      await sleep(20);
    }
    await sleep(1000);
    await page.goto(`${site.origin}/bare`);
    await sleep(1000);
    return {
      bytes: (receiver.bytes - bytes) / Math.max(1, receiver.seen.size),
      requests: receiver.requests - requests,
      ...receiver.verdict(sent()),
    };
  });
}

const wanted = process.argv.length > 2 ? process.argv.slice(2) : ALL;
const browser = await launch();
const figures = {};
try {
  for (const name of wanted) {
    const { gzippedBytes, script } = await bundle(name);
    const callUs = await timeCalls(browser, script);
    const flood = await timeFlood(browser, script);
    const wire = await weigh(browser, script);
    const verdicts = await Promise.all(
      Object.entries(cases).map(async ([title, run]) => [
        title,
        await onStage(browser, script, async (stage) => {
          await run(stage);
          return stage.receiver.verdict(stage.sent());
        }),
      ]),
    );
    figures[name] = { gzippedBytes, callUs, flood, wire, cases: Object.fromEntries(verdicts) };
    process.stderr.write(`${name}: ${JSON.stringify(figures[name])}\n`);
  }
} finally {
  await browser.close();
}
process.stdout.write(JSON.stringify({ chromium: browser.version(), figures }));
