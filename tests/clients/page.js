// Events through Sentry's own SDK for browsers, as a page would.
import * as Sentry from "@sentry/browser";

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

window.runClient = async (options) => {
  Sentry.init({
    dsn: options.dsn,
    release: options.name,
    environment: "production",
    enableLogs: true,
    // it takes messages that come quickly one after another for repeats
    integrations: (usual) => usual.filter(({ name }) => name !== "Dedupe"),
  });
  for (let number = 0; number < options.count; number++) {
    Sentry.captureMessage(`${options.name}-${number}`);
    await wait((options.interval_s ?? 0) * 1000);
  }
  if (options.throws) {
    Sentry.logger.warn("logged", { n: 3 });
    Sentry.captureException(
      new TypeError(`${options.name}-thrown`, { cause: new Error("no basket") }),
    );
  }
  const flushed = await Sentry.flush(30_000);
  return { sent: options.count, flushed };
};
