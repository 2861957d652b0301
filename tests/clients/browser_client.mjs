// Opens a page with Sentry's browser SDK in Chromium and prints what it did; told by argv.
import { once } from "node:events";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { launch } from "../../sdk/browser/test/chromium/browser.js";

const options = JSON.parse(process.argv[2]);
const bundle = await build({
  entryPoints: [fileURLToPath(new URL("page.js", import.meta.url))],
  bundle: true,
  write: false,
  format: "iife",
});
const script = bundle.outputFiles[0].text;
const server = createServer((request, response) => {
  const isScript = request.url === "/page.js";
  response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
  response.end(isScript ? script : "<!doctype html><script src=/page.js></script>");
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const browser = await launch();
try {
  const page = await browser.newPage();
  const answers = {};
  page.on("response", (response) => {
    if (response.request().method() !== "POST") return;
    answers[response.status()] = (answers[response.status()] ?? 0) + 1;
  });
  const preflights = [];
  page.on("request", (request) => {
    if (request.method() === "OPTIONS") preflights.push(request.url());
  });
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  if (options.waits) {
    process.stdout.write("ready\n");
    await once(process.stdin, "data");
  }
  const done = await page.evaluate((given) => window.runClient(given), options);
  if (options.leaves) {
    // leaving makes the client say what it lost
    await page.goto("about:blank");
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  process.stdout.write(JSON.stringify({ ...done, answers, preflights }));
} finally {
  await browser.close();
  server.close();
}
process.stdin.destroy();
