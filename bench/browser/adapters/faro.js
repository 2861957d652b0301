import {
  ErrorsInstrumentation,
  LogLevel,
  SessionInstrumentation,
  initializeFaro,
} from "@grafana/faro-web-sdk";

// Its batching and its sessions are on by themselves; other instrumentations log nothing here.
export const start = (origin) => {
  const faro = initializeFaro({
    url: `${origin}/collect`,
    app: { name: "bench" },
    instrumentations: [new ErrorsInstrumentation(), new SessionInstrumentation()],
  });
  const push = (level) => (text) => faro.api.pushLog([text], { level });
  return { log: push(LogLevel.INFO), error: push(LogLevel.ERROR) };
};
