import { onStage, sleep, textOf } from "./stage.js";

const CALLS = 100;
const FLOOD = 10_000;
const AT_ONCE = 100;

/**
 * Microseconds that the caller waits: in the first call on a fresh page, where code and patterns are
 * compiled, and on average in the next 100. They stay below the rate limit of every SDK.
 */
export const timeCalls = (browser, script) =>
  onStage(browser, script, async ({ context, site }) => {
    const page = await context.newPage();
    await page.goto(`${site.origin}/`);
    await sleep(300);
    const texts = Array.from({ length: CALLS + 1 }, (_, number) => textOf(number));
    return page.evaluate(([first, ...rest]) => {
      const began = performance.now();
      window.sdk.log(first);
      const second = performance.now();
      for (const one of rest) window.sdk.log(one);
      const end = performance.now();
      return {
        firstUs: (second - began) * 1000,
        callUs: ((end - second) * 1000) / rest.length,
      };
    }, texts);
  });

/**
 * CPU milliseconds of the page's main thread for 10,000 different logs, 100 every 10 ms, sending
 * included; and how many of them arrived, for some SDKs limit their rate.
 */
export const timeFlood = (browser, script) =>
  onStage(browser, script, async ({ context, site, receiver }) => {
    const page = await context.newPage();
    await page.goto(`${site.origin}/`);
    await sleep(500);
    const session = await context.newCDPSession(page);
    await session.send("Performance.enable", { timeDomain: "threadTicks" });
    const busy = async () => {
      const { metrics } = await session.send("Performance.getMetrics");
      return metrics.find(({ name }) => name === "TaskDuration").value * 1000;
    };
    const texts = Array.from({ length: FLOOD }, (_, number) => textOf(number));
    await page.evaluate((all) => void (window.texts = all), texts);
    const before = await busy();
    await page.evaluate(async (count) => {
      while (window.texts.length) {
        for (const one of window.texts.splice(0, count)) window.sdk.log(one);
        await new Promise((done) => setTimeout(done, 10));
      }
    }, AT_ONCE);
    await sleep(8000);
    return { ms: (await busy()) - before, delivered: receiver.seen.size };
  });

/** Bytes of heads and bodies for one event, of 100 that are logged one after the other. */
export const weigh = (browser, script) =>
  onStage(browser, script, async ({ context, site, receiver, say, sent }) => {
    const page = await context.newPage();
    await page.goto(`${site.origin}/`);
    await sleep(1500);
    const { bytes, requests } = receiver;
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
