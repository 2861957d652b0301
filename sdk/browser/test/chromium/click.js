import { launch } from "./browser.js";

// Opens the demo page, presses the order button, and prints what the browser sent and got.
const [, , url] = process.argv;
const browser = await launch();
try {
  const page = await (await browser.newContext({ locale: "en-US" })).newPage();
  await page.goto(url);
  await page.waitForSelector("dt");
  const ordered = page.waitForRequest((request) => request.url().endsWith("/api/orders"));
  const answered = page.waitForResponse((response) => response.url().endsWith("/api/orders"));
  await page.click("[data-do=order]");
  const headers = await (await ordered).allHeaders();
  const answer = await (await answered).json();
  await page.waitForFunction(() => window.log.stats().captured > 0);
  await page.click("[data-do=flush]");
  await page.waitForFunction(() => window.log.stats().sent === window.log.stats().captured);
  const shown = await page.textContent("#trace");
  process.stdout.write(JSON.stringify({ sent: headers["x-trace-id"], answer, shown }));
} finally {
  await browser.close();
}
