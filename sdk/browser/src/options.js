/** @typedef {import("./types.js").Options} Options */
/** @typedef {import("./types.js").Settings} Settings */

const DAY_MS = 864e5;
/** The gateway knows a batch again for 8 days: what is older might be stored twice. */
export const OLDEST_MS = 7 * DAY_MS;

export const LEVELS = ["debug", "info", "warn", "error", "fatal"];
/** The levels as the ingest contract writes them. */
export const LEVEL_NAMES = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
export const ERROR = 3;

/** @param {unknown} level what is no level at all counts as `info` */
export const levelOf = (level) => {
  const name = String(level).toLowerCase();
  const index = LEVELS.indexOf({ warning: "warn", critical: "fatal" }[name] || name);
  return index < 0 ? 1 : index;
};

/**
 * Return the options with everything that is missing or makes no sense replaced by its default.
 *
 * @param {Partial<Options>} [options]
 * @returns {Settings}
 */
export function readOptions(options) {
  const given = options || /** @type {Partial<Options>} */ ({});
  /** @param {unknown} value @param {number} fallback @param {number} least @param {number} most */
  const number = (value, fallback, least, most) =>
    typeof value === "number" && value >= least ? Math.min(value, most) : fallback;
  const offline = given.offline || {};
  const keyId = String(given.apiKey || "").split("_")[1];
  return {
    ...given,
    endpoint: String(given.endpoint || ""),
    apiKey: String(given.apiKey || ""),
    project: encodeURIComponent(String(given.app || keyId || "")),
    level: levelOf(given.level),
    sampleRate: number(given.sampleRate, 1, 0, 1),
    batchSize: number(given.batchSize, 10, 1, 1000),
    flushMs: number(given.flushMs, 5000, 0, DAY_MS),
    dedupeMs: number(given.dedupeMs, 1e4, 0, DAY_MS),
    maxRetries: number(given.maxRetries, 3, 0, 20),
    maxBytes: number(offline.maxBytes, 1e6, 0, 4e6),
    maxAgeMs: number(offline.maxAgeMs, OLDEST_MS, 0, OLDEST_MS),
    storage: given.offline === false ? null : offline.storage,
    propagateTo: [given.propagateTo || []].flat(),
    capture: { errors: true, rejections: true, console: false, ...given.capture },
    redact: given.redact || {},
    keepalive: given.keepalive !== false,
    gzip: given.gzip === true,
  };
}
