import { createRedaction } from "../redaction/walk.js";
import { LEVEL_NAMES } from "../options.js";
import { uuid7 } from "./ids.js";
import { createPlain, encode } from "./plain.js";
import { shrink } from "./shrink.js";
import { byteLength } from "../transport/batcher.js";

/** @typedef {import("../types.js").World} World */
/** @typedef {import("../types.js").Event} Event */

const EVENT_BYTES = 64 * 1024 - 512;
const HOOK_DEPTH = 14;

/**
 * Makes events: redacted before the page's own hook sees them and again after it.
 *
 * @param {World} world
 * @param {import("../types.js").Settings} settings
 * @param {import("../stats.js").Stats} stats
 */
export function createEvents(world, { redact, beforeSend }, stats) {
  const clean = createRedaction(redact);
  let seq = 0;

  /** @template T @param {T} value @returns {T} */
  const redacted = (value) => {
    const hits = { count: 0 };
    const result = clean(value, hits);
    stats.counts.redacted += hits.count;
    return result;
  };

  /** @param {Event} event @returns {Event | undefined} */
  const hooked = (event) => {
    if (!beforeSend) return event;
    const { kind, id, created_at } = event;
    try {
      const given = beforeSend({ ...event, extra_data: { ...event.extra_data } });
      if (given === null) return;
      if (
        given &&
        typeof given === "object" &&
        typeof (/** @type {any} */ (given).then) !== "function"
      )
        return { ...redacted(createPlain(HOOK_DEPTH).plain(given)), kind, id, created_at };
      if (given === undefined) return event;
    } catch {
      // the page's hook failed: the event as it was is safe to send
    }
    stats.counts.hook_failed++;
    return event;
  };

  return {
    /**
     * Return the event, or nothing where the page's hook drops it.
     * @param {number} level
     * @param {number} now
     * @param {Event} content
     * @param {Record<string, unknown>} ids
     */
    make(level, now, content, ids) {
      const { extra_data, ...rest } = redacted(content);
      return hooked({
        id: uuid7(world, now),
        created_at: new Date(now).toISOString(),
        level: LEVEL_NAMES[level],
        source: "frontend",
        ...ids,
        ...rest,
        extra_data: { ...extra_data, seq: ++seq },
      });
    },

    /**
     * Return the event that stands for repeats of another.
     * @param {Event} event @param {number} count @param {number} last
     */
    summary: (event, count, last) => ({
      ...event,
      id: uuid7(world, last),
      created_at: new Date(last).toISOString(),
      count,
      extra_data: { ...event.extra_data, first_ts: event.created_at, seq: ++seq },
    }),

    /** @param {Event} event @returns {string} JSON, small enough for the gateway */
    write(event) {
      let text = encode(event);
      if (byteLength(text) > EVENT_BYTES) {
        shrink(event);
        text = encode(event);
      }
      return text;
    },
  };
}
