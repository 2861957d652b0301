// Events through Sentry's own SDK for Node, as an application would; told by argv.
import { once } from "node:events";
import * as Sentry from "@sentry/node";

const options = JSON.parse(process.argv[2]);
Sentry.init({
  dsn: options.dsn,
  release: options.name,
  environment: "production",
  enableLogs: true,
  tracesSampleRate: 1,
});
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
if (options.waits) {
  process.stdout.write("ready\n");
  await once(process.stdin, "data");
}
for (let number = 0; number < options.count; number++) {
  Sentry.captureMessage(`${options.name}-${number}`);
  await wait((options.interval_s ?? 0) * 1000);
}
if (options.throws) {
  Sentry.setTag("tenant", "acme");
  Sentry.logger.warn("logged", { n: 3 });
  await Sentry.startSpan({ name: "GET /orders/{id}", op: "http.server" }, () => wait(1100));
  Sentry.captureException(
    new TypeError(`${options.name}-thrown`, { cause: new Error("no basket") }),
  );
}
await Sentry.close(30_000);
process.stdout.write(JSON.stringify({ sent: options.count }));
process.stdin.destroy();
