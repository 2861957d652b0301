import {
  captureMessage,
  init,
  logger,
  makeBrowserOfflineTransport,
  makeFetchTransport,
} from "@sentry/browser";

// Logs are on; what cannot be sent waits in IndexedDB, also over a reload.
export const start = (origin) => {
  init({
    dsn: `${origin.replace("://", "://public@")}/1`,
    enableLogs: true,
    transport: makeBrowserOfflineTransport(makeFetchTransport),
    transportOptions: { flushAtStartup: true, maxQueueSize: 1000 },
  });
  return { log: (text) => logger.info(text), error: (text) => captureMessage(text, "error") };
};
