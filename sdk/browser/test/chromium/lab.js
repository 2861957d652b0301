import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import { Collector } from "./collector.js";
import { Site } from "./site.js";

const KEY = "hw_chromium0000_0123456789012345678901234567890123456789";

/**
 * @typedef {object} Visit
 * @property {string} [init] the options for `init` as JavaScript text, added to the lab's own
 * @property {string} [path]
 * @property {string} [head] HTML before the SDK's script
 * @property {string} [script] JavaScript after `init`
 * @property {string} [body]
 * @property {Record<string, string>} [headers]
 * @property {boolean} [bare] without the SDK
 * @property {string} [origin]
 * @property {import("playwright-core").BrowserContext} [context]
 *
 * @typedef {object} Gateway a real gateway behind the collector
 * @property {string} endpoint
 * @property {string} key
 */

/** What one case works with: a browser context, a site and a collector of its own. */
export class Lab {
  site = new Site();
  release = `case-${randomUUID()}`;
  /** @type {string[]} */
  console = [];
  /** @type {string[]} */
  pageErrors = [];
  /** What must be stored in the end, by message. @type {Map<string, number>} */
  expected = new Map();
  #contexts = /** @type {import("playwright-core").BrowserContext[]} */ ([]);

  /** @param {import("playwright-core").Browser} browser @param {Gateway} [gateway] */
  constructor(browser, gateway) {
    this.browser = browser;
    this.isReal = gateway !== undefined;
    this.key = gateway?.key ?? KEY;
    this.collector = new Collector({ upstream: gateway?.endpoint });
    this.collector.keyExpected = this.key;
  }

  /** @param {import("playwright-core").Browser} browser @param {Gateway} [gateway] */
  static async open(browser, gateway) {
    const lab = new Lab(browser, gateway);
    await Promise.all([lab.site.start(), lab.collector.start()]);
    lab.context = await lab.newContext();
    return lab;
  }

  async close() {
    await Promise.all(this.#contexts.map((context) => context.close().catch(() => undefined)));
    await Promise.all([this.site.stop(), this.collector.stop()]);
  }

  async newContext() {
    const context = await this.browser.newContext({
      locale: "en-US",
      // a page that a route has served counts as from the internet, the collector as local
      permissions: ["local-network-access"],
    });
    return this.adopt(context);
  }

  /** Listens to a context and closes it in the end. @param {import("playwright-core").BrowserContext} context */
  adopt(context) {
    this.#contexts.push(context);
    context.on("console", (message) => this.console.push(message.text()));
    context.on("weberror", (error) => this.pageErrors.push(String(error.error())));
    return context;
  }

  /** @type {import("playwright-core").BrowserContext} */
  // @ts-ignore set by `open`
  context;

  /** JavaScript text of the options that each page gives to `init`. @param {string} [more] */
  options(more = "{}") {
    const own = {
      endpoint: this.collector.endpoint,
      apiKey: this.key,
      app: "shop",
      env: "test",
      release: this.release,
    };
    return `{...${JSON.stringify(own)}, ...${more}}`;
  }

  /** Puts a page on the site and returns its address. @param {Visit} visit */
  publish(visit) {
    const { path = "/", head = "", script = "", body = "", headers = {}, bare } = visit;
    const sdk = bare
      ? ""
      : `<script src="/headwater.iife.js"></script>
         <script>window.log = Headwater.init(${this.options(visit.init)}); ${script}</script>`;
    const html = `<!doctype html><meta charset="utf-8"><title>${path}</title>${head}${sdk}${body}`;
    this.site.pages.set(path, { html, headers });
    return (visit.origin ?? this.site.origin) + path;
  }

  /** Publishes a page and opens it in a tab. @param {Visit} [visit] */
  async visit(visit = {}) {
    const url = this.publish(visit);
    const page = await (visit.context ?? this.context).newPage();
    await page.goto(url);
    return page;
  }

  /**
   * Takes the pages off the network. The collector goes too: what Chromium sends on behalf of a page
   * that has ended passes by the emulation.
   *
   * @param {boolean} isOffline
   */
  async setOffline(isOffline, context = this.context) {
    this.collector.cut(isOffline);
    await context.setOffline(isOffline);
  }

  /** Lets pages of the site load while the context is offline, as from a service worker. */
  async serveOffline(context = this.context) {
    await context.route(`${this.site.origin}/**`, (route) => {
      const { pathname } = new URL(route.request().url());
      const page = this.site.pages.get(pathname);
      const script = Site.file(pathname);
      if (page)
        return route.fulfill({ contentType: "text/html", headers: page.headers, body: page.html });
      return script === undefined
        ? route.fulfill({ status: 404 })
        : route.fulfill({ contentType: "text/javascript", body: script });
    });
  }

  /**
   * The end of a case: each message was taken as often as told, no event twice.
   *
   * @param {Iterable<string> | Map<string, number>} messages
   */
  async expectDelivered(messages, timeoutMs = 60_000) {
    const counted = messages instanceof Map ? messages : countOf(messages);
    this.expected = counted;
    const total = [...counted.values()].reduce((sum, count) => sum + count, 0);
    const enough = () => this.collector.occurrences >= total;
    await this.collector.until(`${total} occurrences`, enough, timeoutMs);
    await sleep(150); // time for what would be one too many
    /** @type {Map<string, number>} */
    const got = new Map();
    for (const event of this.collector.events) {
      const name = event.message ?? event.exception?.value;
      got.set(name, (got.get(name) ?? 0) + (event.count ?? 1));
    }
    assert.deepEqual(sorted(got), sorted(counted));
  }
}

/** @param {Iterable<string>} messages */
const countOf = (messages) => {
  const counted = new Map();
  for (const message of messages) counted.set(message, (counted.get(message) ?? 0) + 1);
  return counted;
};

/** @param {Map<string, number>} map */
const sorted = (map) => Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)));

/** @param {number} ms */
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** @param {number} count @param {(index: number) => string} make */
export const times = (count, make) => Array.from({ length: count }, (_, index) => make(index));

/** A word for a number: messages that differ only in digits would fold into one. @param {number} n */
export const word = (n) =>
  [...n.toString(26)].map((digit) => "bcdfghjklmnpqrstvwxyzaeiou"[parseInt(digit, 26)]).join("");

/** @typedef {import("playwright-core").Page} Page */

/** @param {Page} page @returns {Promise<any>} */
export const statsOf = (page) => page.evaluate(() => window.log.stats());

/** Flushes and says whether all went out. @param {Page} page @param {number} [ms] */
export const flush = (page, ms = 5000) => page.evaluate((limit) => window.log.flush(limit), ms);

/** Logs each message with a level. @param {Page} page @param {string[]} messages @param {string} [level] */
export const logAll = (page, messages, level = "info") =>
  page.evaluate(([all, by]) => all.forEach((text) => window.log[by](text)), [messages, level]);

/**
 * Returns a clock of the CPU time that the page's main thread used, in milliseconds: what other
 * processes do on the machine does not move it.
 *
 * @param {Page} page
 */
export async function cpuClock(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  return async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return 1000 * (metrics.find(({ name }) => name === "ThreadTime")?.value ?? NaN);
  };
}

/** Everything in localStorage. @param {Page} page @returns {Promise<Record<string, string>>} */
export const storageOf = (page) => page.evaluate(() => ({ ...localStorage }));

/** The stored batches. @param {Page} page */
export const storedIn = async (page) => {
  const all = Object.entries(await storageOf(page));
  return all.filter(([key]) => key.startsWith(PREFIX));
};

/** Under which keys batches are stored, see src/transport/storage.js. */
export const PREFIX = "hw:q:";

/** Accounting: `captured = sent + stored + queued + dropped + deduped + sampled`. @param {any} stats */
export const assertIdentity = (stats) => {
  const { sent, stored, queued, dropped, deduped, sampled, drops } = stats;
  const byReason = /** @type {number[]} */ (Object.values(drops)).reduce(
    (sum, one) => sum + one,
    0,
  );
  assert.equal(dropped, byReason);
  const sum = sent + stored + queued + dropped + deduped + sampled;
  assert.equal(stats.captured, sum, `the books do not balance: ${JSON.stringify(stats)}`);
};
