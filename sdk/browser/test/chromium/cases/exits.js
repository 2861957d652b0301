import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { launch, launchWithProfile } from "../browser.js";
import { accept, hang } from "../collector.js";
import { PREFIX, logAll, sleep, storedIn, times, word } from "../lab.js";

/** @typedef {import("../lab.js").Lab} Lab */

const ROUNDS = 20;
const WAYS_OUT = ["close 0", "close 50", "close 100", "navigation", "reload"];
const KEEPALIVE_BUDGET = 60 * 1024;
/** After this long Chromium has written localStorage to disk. */
const COMMIT_MS = 6500;

const nothingStored = `() => Object.keys(localStorage).every((key) => !key.startsWith("${PREFIX}"))`;

/** Opens a page that sends what others left behind. @param {Lab} lab */
async function comeBack(lab, context = lab.context) {
  const page = await lab.visit({ context, path: "/back" });
  await page.waitForFunction(nothingStored);
  return page;
}

/**
 * Logs and leaves by one of the ways, as often as told; returns what was logged. Of four tabs that
 * close, three share the process of the page that opened them: a new one takes long.
 *
 * @param {Lab} lab @param {string} way @param {number} count
 */
async function leaveBy(lab, way, count) {
  const [how, delay = "0"] = way.split(" ");
  const messages = times(count, (n) => `${way} ${word(n)}`);
  const keeper = await lab.context.newPage();
  await keeper.goto(`${lab.site.origin}/bare`);
  for (const [round, message] of messages.entries()) {
    const page = how === "close" ? await openTab(lab, round % 4 ? keeper : undefined) : keeper;
    if (how === "navigation" || round === 0) await page.goto(`${lab.site.origin}/`);
    await logAll(page, [message], "error");
    await sleep(Number(delay));
    if (how === "close") await page.close();
    if (how === "navigation") await page.goto(`${lab.site.origin}/bare`);
    if (how === "reload") await page.reload();
  }
  await keeper.close();
  return messages;
}

/** @param {Lab} lab @param {import("../lab.js").Page} [opener] */
async function openTab({ context, site }, opener) {
  const opened =
    opener && context.waitForEvent("page", (page) => page.opener().then((one) => one === opener));
  if (opener) await opener.evaluate(() => void window.open("/"));
  const page = (await opened) ?? (await context.newPage());
  if (!opener) await page.goto(`${site.origin}/`);
  await page.waitForFunction(() => window.log);
  return page;
}

/** Kills the process of a whole browser, as a power cut would. @param {import("playwright-core").BrowserContext} context */
async function kill(context) {
  const session = await context.browser()?.newBrowserCDPSession();
  assert.ok(session);
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const gone = new Promise((done) => context.once("close", done));
  const [main] = processInfo.filter(({ type }) => type === "browser");
  process.kill(main.id, "SIGKILL");
  await gone;
}

/** @type {import("./delivery.js").Case[]} */
export const cases = [
  {
    number: 11,
    title: "an error, then the page closes, navigates or reloads: 100 of 100, none twice",
    gateway: true,
    async run(lab) {
      lab.publish({});
      lab.publish({ path: "/bare", bare: true });
      const rounds = await Promise.all(WAYS_OUT.map((way) => leaveBy(lab, way, ROUNDS)));
      await comeBack(lab);
      await lab.expectDelivered(rounds.flat());
    },
  },
  {
    number: 12,
    title: "the renderer crashes in mid-send: the stored copy is sent on the next visit",
    gateway: true,
    async run(lab) {
      lab.collector.answer = hang;
      const page = await lab.visit({ init: "{ flushMs: 50 }" });
      await logAll(page, ["crashed in mid-send", "another"], "error");
      await lab.collector.until("the request", () => lab.collector.posts.length > 0);
      const session = await lab.context.newCDPSession(page);
      const crashed = new Promise((done) => page.once("crash", done));
      session.send("Page.crash").catch(() => undefined);
      await crashed;
      lab.collector.answer = () => accept();
      await comeBack(lab);
      await lab.expectDelivered(["crashed in mid-send", "another"]);
    },
  },
  {
    number: 12,
    title: "the whole browser is killed: what was on disk is sent on the next start",
    gateway: true,
    async run(lab) {
      const profile = mkdtempSync(join(tmpdir(), "headwater-profile-"));
      try {
        const url = lab.publish({ init: "{ flushMs: 50 }" });
        lab.collector.answer = hang;
        const first = await launchWithProfile(profile);
        const page = await first.newPage();
        await page.goto(url);
        await logAll(page, ["before the power went"], "error");
        await sleep(COMMIT_MS);
        await kill(first);
        lab.collector.answer = () => accept();
        const second = lab.adopt(await launchWithProfile(profile));
        await (await second.newPage()).goto(url);
        await lab.expectDelivered(["before the power went"]);
        await second.close();
      } finally {
        rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
      }
    },
  },
  {
    number: 25,
    title: "a blocker stops fetch and swallows beacons: the stored copy is sent later",
    async run(lab) {
      await lab.context.addInitScript(() => {
        navigator.sendBeacon = () => true;
      });
      const blocked = `${lab.collector.origin}/**`;
      await lab.context.route(blocked, (route) => route.abort("blockedbyclient"));
      for (const keepalive of [true, false]) {
        const init = `{ flushMs: 50, keepalive: ${keepalive} }`;
        const page = await lab.visit({ init });
        // a request that outlives its page passes by the driver's routes, not by a real blocker
        lab.collector.cut(true);
        await logAll(page, [`sent while blocked ${keepalive}`, `another ${keepalive}`], "error");
        await sleep(300);
        await logAll(page, [`left at exit ${keepalive}`]);
        await page.goto("about:blank");
        await page.close();
      }
      assert.equal(lab.collector.posts.length, 0);
      lab.collector.cut(false);
      await lab.context.unroute(blocked);
      await comeBack(lab);
      await lab.expectDelivered(
        [true, false].flatMap((keepalive) => [
          `sent while blocked ${keepalive}`,
          `another ${keepalive}`,
          `left at exit ${keepalive}`,
        ]),
      );
    },
  },
  {
    number: 26,
    title: "more than 64 KiB at exit, not in ASCII: slices within the budget in bytes, all arrives",
    gateway: true,
    async run(lab) {
      lab.publish({ path: "/bare", bare: true });
      const page = await lab.visit({ init: "{ batchSize: 50 }" });
      const filling = "кириллица и ещё немного ".repeat(150);
      const messages = times(30, (n) => `exit ${word(n)} ${filling}`);
      await page.evaluate((texts) => {
        texts.forEach((text) => window.log.warn(text));
        location.href = "/bare";
      }, messages);
      await lab.collector.until("what fits the budget", () => lab.collector.events.length > 0);
      await sleep(300);
      await comeBack(lab);
      await lab.expectDelivered(messages);
      const largest = Math.max(...lab.collector.posts.map((post) => post.bytes));
      assert.ok(largest <= KEEPALIVE_BUDGET, `a slice has ${largest} bytes`);
    },
  },
  {
    number: 27,
    title: "a batch that fills up inside the hide handler goes out by the exit transport",
    async run(lab) {
      lab.publish({ path: "/bare", bare: true });
      const script = `addEventListener("pagehide", () => {
        for (const name of ${JSON.stringify(times(10, (n) => `in the handler ${word(n)}`))})
          log.info(location.hash + name);
      })`;
      const sent = [];
      // one listener before the SDK's own, one after it
      for (const [hash, visit] of Object.entries({
        a: { head: `<script>${script}</script>` },
        b: { script },
      })) {
        const url = lab.publish(visit);
        const page = await lab.context.newPage();
        for (let round = 0; round < 5; round += 1) {
          const place = `#${hash}${word(round)} `;
          await page.goto(url + place.trim());
          await page.goto(`${lab.site.origin}/bare`);
          sent.push(...times(10, (n) => `${place.trim()}in the handler ${word(n)}`));
        }
      }
      // without another visit: only what left by itself counts
      await lab.expectDelivered(sent);
    },
  },
  {
    number: 28,
    title: "into the back/forward cache and out again: listeners live, nothing twice",
    async run(lab) {
      const browser = await launch({
        ignoreDefaultArgs: ["--disable-back-forward-cache"],
        args: [
          "--enable-features=BackForwardCache:ignore_outstanding_network_request_for_testing/true",
        ],
      });
      try {
        const context = lab.adopt(await browser.newContext({ locale: "en-US" }));
        const back = `addEventListener("pageshow", (event) => event.persisted && log.info("came back"))`;
        lab.publish({
          path: "/bare",
          bare: true,
          body: "<script>setTimeout(() => history.back(), 400)</script>",
        });
        const page = await context.newPage();
        await page.goto(lab.publish({ script: back, init: "{ flushMs: 100 }" }));
        await logAll(page, ["before"]);
        page.goto(`${lab.site.origin}/bare`).catch(() => undefined);
        await lab.expectDelivered(["before", "came back"]);
        await sleep(1000);
        assert.equal(lab.collector.posts.length, lab.collector.batches.size, "a batch came twice");
      } finally {
        await browser.close();
      }
    },
  },
  {
    number: 29,
    title: "the user stays after the question of beforeunload: logging goes on",
    async run(lab) {
      const page = await lab.visit({
        init: "{ flushMs: 100 }",
        script: `addEventListener("beforeunload", (event) => event.preventDefault())`,
        body: "<button>press</button>",
      });
      await page.click("button"); // without a gesture there is no question
      await logAll(page, ["before the question"]);
      const asked = new Promise((done) => {
        page.once("dialog", async (dialog) => {
          await dialog.dismiss();
          done(dialog.type());
        });
      });
      await page.close({ runBeforeUnload: true });
      assert.equal(await asked, "beforeunload");
      await logAll(page, ["after the question"]);
      await lab.expectDelivered(["before the question", "after the question"]);
    },
  },
  {
    number: 38,
    title: "a hidden tab with throttled timers: sent on hide, later logs once a minute, none lost",
    async run(lab) {
      await lab.context.clock.install();
      const page = await lab.visit();
      await page.clock.pauseAt(Date.now() + 3_600_000);
      const arrivedAtLoad = lab.collector.posts.length;
      await logAll(page, ["before hiding", "and this"]);
      await page.evaluate(() => {
        Object.defineProperty(document, "visibilityState", { value: "hidden" });
        document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
      });
      await lab.collector.until("sent on hide", () => lab.collector.posts.length > arrivedAtLoad);
      await sleep(100);
      for (const minute of ["one", "two"]) {
        await logAll(page, [`in minute ${minute}`]);
        await page.clock.runFor(6000); // the rest of the minute once the answer came: it has a deadline
        const arrived = () => lab.collector.messages.includes(`in minute ${minute}`);
        await lab.collector.until(`minute ${minute}`, arrived);
        await page.waitForFunction(
          () => window.log.stats().queued + window.log.stats().stored === 0,
        );
        await page.clock.runFor(54_000);
      }
      await lab.expectDelivered(["before hiding", "and this", "in minute one", "in minute two"]);
    },
  },
  {
    number: 39,
    title: "without consent: nothing is sent and nothing is stored",
    async run(lab) {
      const page = await lab.visit({ init: "{ flushMs: 50 }", script: "log.pause();" });
      await logAll(page, ["no consent", "none here"], "error");
      await page.evaluate(() => void Promise.reject(new Error("nor here")));
      await sleep(300);
      assert.deepEqual(await storedIn(page), []);
      await page.goto("about:blank");
      await page.close();
      const next = await lab.visit({
        path: "/next",
        init: "{ flushMs: 50 }",
        script: "log.pause(); log.resume();",
      });
      assert.deepEqual(await storedIn(next), []);
      await logAll(next, ["with consent"]);
      await lab.expectDelivered(["with consent"]);
      assert.ok(!lab.collector.everything.includes("no consent"));
    },
  },
];
