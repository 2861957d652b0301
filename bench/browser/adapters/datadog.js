import { datadogLogs } from "@datadog/browser-logs";

// The proxy is its documented way to a collector of one's own; every session is kept.
export const start = (origin) => {
  datadogLogs.init({
    clientToken: "pub0123456789abcdef",
    site: "datadoghq.com",
    service: "bench",
    proxy: `${origin}/datadog`,
    sessionSampleRate: 100,
    telemetrySampleRate: 0,
    forwardErrorsToLogs: true,
    sessionPersistence: "local-storage",
  });
  const { logger } = datadogLogs;
  return { log: (text) => logger.info(text), error: (text) => logger.error(text) };
};
