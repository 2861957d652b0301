// node run.js [NAME ...]: measures the SDKs in one Chromium and prints the figures as JSON.
import { launch } from "../../sdk/browser/test/chromium/browser.js";

import { bundle } from "./bundles.js";
import { cases } from "./cases.js";
import { timeCalls, timeFlood, weigh } from "./figures.js";
import { onStage } from "./stage.js";

const ALL = ["headwater", "sentry", "datadog", "opentelemetry", "faro"];
const FRESH_PAGES = 9;
/** Cases that run at a time: they wait more than they work. */
const AT_A_TIME = 6;

const wanted = process.argv.length > 2 ? process.argv.slice(2) : ALL;
const browser = await launch();
try {
  const figures = Object.fromEntries(wanted.map((name) => [name, { cases: {} }]));
  const scripts = {};
  for (const name of wanted) {
    const { script, gzippedBytes } = await bundle(name);
    scripts[name] = script;
    figures[name].gzippedBytes = gzippedBytes;
  }

  // Round by round, so that what else the machine does hits all alike; the least is the SDK's own.
  for (let round = 0; round < FRESH_PAGES; round += 1)
    for (const name of wanted) {
      const { firstUs, callUs } = await timeCalls(browser, scripts[name]);
      const { firstUs: first = Infinity, callUs: call = Infinity } = figures[name];
      figures[name].firstUs = Math.min(first, firstUs);
      figures[name].callUs = Math.min(call, callUs);
    }
  for (const name of wanted) {
    figures[name].flood = await timeFlood(browser, scripts[name]);
    figures[name].wire = await weigh(browser, scripts[name]);
  }

  const waiting = Object.entries(cases).flatMap(([title, run]) =>
    wanted.map((name) => async () => {
      figures[name].cases[title] = await onStage(browser, scripts[name], async (stage) => {
        await run(stage);
        return stage.receiver.verdict(stage.sent());
      });
    }),
  );
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await next();
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  process.stdout.write(JSON.stringify({ chromium: browser.version(), figures }));
} finally {
  await browser.close();
}
