import { init } from "@headwater/browser";

// As in the first two lines of its guide.
export const start = (origin) => {
  const log = init({
    endpoint: `${origin}/api/v1/ingest/batches`,
    apiKey: "hw_bench0000000_key",
    app: "bench",
  });
  return { log: (text) => log.info(text), error: (text) => log.error(text) };
};
