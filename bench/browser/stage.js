import { Receiver } from "./receiver.js";
import { Site } from "./site.js";

/**
 * Opens a context, a site and a receiver for one SDK, hands them to `use`, and closes them.
 *
 * @template T
 * @param {import("playwright-core").Browser} browser
 * @param {string} script of the SDK with its adapter
 * @param {(stage: import("./cases.js").Stage) => Promise<T>} use
 */
export async function onStage(browser, script, use) {
  const receiver = await new Receiver().start();
  const site = await new Site(script, receiver.origin).start();
  const context = await browser.newContext({
    locale: "en-US",
    permissions: ["local-network-access"],
  });
  let sent = 0;
  const say = async (page, count, level = "log") => {
    const texts = Array.from({ length: count }, () => textOf((sent += 1)));
    await page.evaluate(([all, by]) => all.forEach((one) => window.sdk[by](one)), [texts, level]);
  };
  try {
    return await use({ context, site, receiver, say, sent: () => sent });
  } finally {
    await context.close();
    await Promise.all([site.stop(), receiver.stop()]);
  }
}

/** @param {number} ms */
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** A message that no SDK takes for another one: some of them overlook digits. @param {number} number */
export const textOf = (number) => {
  const letters = [...number.toString(26)].map((digit) =>
    String.fromCharCode(97 + parseInt(digit, 26)),
  );
  return `evt-${letters.join("")}-end parcel left the warehouse by the night train`;
};
