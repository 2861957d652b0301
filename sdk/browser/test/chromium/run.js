import { writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import assert from "node:assert/strict";

import { launch } from "./browser.js";
import { Lab } from "./lab.js";

/** @typedef {import("./cases/delivery.js").Case} Case */

/**
 * Runs cases in one Chromium, each in a context of its own.
 *
 * @param {Case[]} cases
 * @param {{ concurrency: number, gateway?: import("./lab.js").Gateway, report?: string, timeout?: number }} options
 */
export function runCases(cases, { concurrency, gateway, report, timeout = 240_000 }) {
  /** @type {import("playwright-core").Browser} */
  let browser;
  /** What each case says must be stored. @type {{ number: number, release: string, expected: Record<string, number> }[]} */
  const stored = [];
  before(async () => {
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    if (report) writeFileSync(report, JSON.stringify(stored));
  });

  const define = (/** @type {Case} */ { number, title, run }) =>
    test(`case ${number}: ${title}`, { timeout }, async () => {
      const lab = await Lab.open(browser, gateway);
      try {
        await run(lab);
        assert.deepEqual(lab.collector.verdict(), []);
        const expected = Object.fromEntries(lab.expected);
        stored.push({ number, release: lab.release, expected });
      } finally {
        await lab.close();
      }
    });
  describe("in parallel", { concurrency }, () =>
    cases.filter(({ timed }) => !timed).forEach(define),
  );
  // these look at the clock: nothing runs beside them
  describe("one by one", { concurrency: 1 }, () =>
    cases.filter(({ timed }) => timed).forEach(define),
  );
}
