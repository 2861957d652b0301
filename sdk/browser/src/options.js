import { toText } from "./record/errors.js";

/** @typedef {import("./types.js").Options} Options */
/** @typedef {import("./types.js").Settings} Settings */

/** The gateway knows a batch again for 8 days: what is older than 7 might be stored twice. */
const OLDEST_MS = 6048e5;

const NUMBERS = {
  sampleRate: 1,
  batchSize: 10,
  flushMs: 5e3,
  dedupeMs: 1e4,
  maxRetries: 3,
  maxBytes: 1e6,
  maxAgeMs: OLDEST_MS,
};

/** The levels as the ingest contract writes them. */
export const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
export const ERROR = 3;

/** @param {unknown} level what is no level at all counts as `info` */
export const levelOf = (level) =>
  /** @type {Record<string, number>} */ ({ d: 0, w: 2, e: 3, f: 4, c: 4 })[
    `${toText(level)}`.charAt(0).toLowerCase()
  ] ?? 1;

/**
 * Return the options with every number that is missing or makes no sense replaced by its default.
 *
 * @param {Partial<Options>} [options]
 * @returns {Settings}
 */
export function readOptions(options) {
  /** @type {any} */
  const settings = { ...options, .../** @type {any} */ (options?.offline) };
  for (const name in NUMBERS)
    if (!(settings[name] >= 0)) settings[name] = /** @type {any} */ (NUMBERS)[name];
  settings.level = levelOf(settings.level);
  settings.maxAgeMs = Math.min(settings.maxAgeMs, OLDEST_MS);
  settings.project = encodeURIComponent(settings.app || String(settings.apiKey).split("_")[1]);
  return settings;
}
