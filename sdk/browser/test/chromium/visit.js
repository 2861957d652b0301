import { launch } from "./browser.js";

// Opens a page, and waits until its `log` has sent what it captured.
const [, , url] = process.argv;
const browser = await launch();
try {
  const page = await browser.newPage();
  await page.goto(url);
  await page.waitForFunction(() => window.log.flush(1000));
} finally {
  await browser.close();
}
