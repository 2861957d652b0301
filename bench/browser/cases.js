import { sleep } from "./stage.js";

/** @typedef {{ context: any, site: import("./site.js").Site, receiver: import("./receiver.js").Receiver, say: (page: any, count: number, level?: string) => Promise<void>, sent: () => number }} Stage */

const PATIENCE_MS = 15_000;
const DOWN_MS = 20_000;
/** The slowest batch timer of the SDKs is 30 s; most have 5 s or less. */
const TIMERS_MS = 8_000;
const AFTER_DOWN_MS = 45_000;

/** Waits until all marks came, or patience ends. @param {Stage} stage */
async function wait({ receiver, sent }, patienceMs = PATIENCE_MS) {
  const until = Date.now() + patienceMs;
  while (receiver.seen.size < sent() && Date.now() < until) await sleep(50);
}

/** Every SDK gets another visit to send what it kept. @param {Stage} stage */
async function comeBack(stage) {
  if (stage.receiver.seen.size < stage.sent()) {
    const page = await stage.context.newPage();
    await page.goto(`${stage.site.origin}/`);
    await wait(stage);
    await page.close();
  }
  await sleep(1000); // what would come twice comes now
}

/** @param {Stage} stage @param {number} beforeReloadMs */
async function reloadOffline(stage, beforeReloadMs) {
  const { context, site, receiver } = stage;
  const page = await context.newPage();
  await page.goto(`${site.origin}/`);
  await sleep(500);
  await site.serveOffline(context);
  receiver.cut(true);
  await context.setOffline(true);
  await stage.say(page, 25);
  await sleep(beforeReloadMs);
  await page.reload();
  await sleep(500);
  receiver.cut(false);
  await context.setOffline(false);
  await wait(stage);
  await page.close();
  await comeBack(stage);
}

/** @type {Record<string, (stage: Stage) => Promise<void>>} */
export const cases = {
  /** Ten logs, then at once to another page. */
  async navigation(stage) {
    const page = await stage.context.newPage();
    for (let round = 0; round < 10; round += 1) {
      await page.goto(`${stage.site.origin}/`);
      await stage.say(page, 10);
      await page.goto(`${stage.site.origin}/bare`);
    }
    await page.close();
    await comeBack(stage);
  },

  /** An error, then at once the tab is closed. */
  async tabClose(stage) {
    for (let round = 0; round < 20; round += 1) {
      const page = await stage.context.newPage();
      await page.goto(`${stage.site.origin}/`);
      await stage.say(page, 1, "error");
      await page.close();
    }
    await comeBack(stage);
  },

  /** 25 logs without a network, long enough for every timer, a reload, the network is back. */
  offlineReload: (stage) => reloadOffline(stage, TIMERS_MS),

  /** The same with a reload at once. */
  offlineReloadAtOnce: (stage) => reloadOffline(stage, 0),

  /** 25 logs while the collector is away for 20 s; the page stays. */
  async serverDown(stage) {
    const page = await stage.context.newPage();
    await page.goto(`${stage.site.origin}/`);
    await sleep(500);
    stage.receiver.cut(true);
    await stage.say(page, 25);
    await sleep(DOWN_MS);
    stage.receiver.cut(false);
    await wait(stage, AFTER_DOWN_MS);
    await page.close();
    await comeBack(stage);
  },
};
