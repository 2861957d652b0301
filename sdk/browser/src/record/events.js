import { LEVELS } from "../options.js";
import { createRedaction } from "../redaction/walk.js";
import { byteLength } from "../transport/batcher.js";
import { uuid7 } from "./ids.js";
import { createPlain, encode } from "./plain.js";
import { shrink } from "./shrink.js";

/** @typedef {import("../types.js").Event} Event */

const EVENT_BYTES = 65e3;
const HOOK_DEPTH = 14;

/**
 * Makes events: redacted before the page's own hook sees them and again after it.
 *
 * @param {import("../types.js").Settings} settings
 * @param {import("../stats.js").Stats} stats
 */
export function createEvents(settings, { counts }) {
  const redacted = createRedaction(settings.redact, () => counts.redacted++);
  const { beforeSend } = settings;
  let seq = 0;

  /** @param {number} now @param {Event} event @returns {Event} */
  const stamped = (now, event) => ({
    ...event,
    id: uuid7(now),
    created_at: new Date(now).toISOString(),
    extra_data: { ...event.extra_data, seq: ++seq },
  });

  return {
    /** Let the browser compile the patterns, which takes milliseconds: it does so by their second use. */
    warm: () => redacted(["a b", "a b"]),

    /**
     * Return the event, or nothing where the page's hook drops it.
     * @param {number} level
     * @param {number} now
     * @param {Event} content
     * @param {Record<string, unknown>} ids
     */
    make(level, now, content, ids) {
      const event = stamped(now, {
        level: LEVELS[level],
        source: "frontend",
        ...ids,
        ...redacted(content),
      });
      if (!beforeSend) return event;
      const { kind, id, created_at } = event;
      try {
        const copy = { ...event, extra_data: { ...event.extra_data } };
        const given = beforeSend(copy);
        if (given === null) return;
        const changed = given || copy;
        if (changed.kind)
          return { ...redacted(createPlain(HOOK_DEPTH).plain(changed)), kind, id, created_at };
      } catch {
        // its own failure: the event as it was is safe to send
      }
      counts.hook_failed++;
      return event;
    },

    /**
     * Return the event that stands for repeats of another.
     * @param {Event} event @param {number} count @param {number} last
     */
    summary(event, count, last) {
      const first_ts = event.created_at;
      return stamped(last, { ...event, count, extra_data: { ...event.extra_data, first_ts } });
    },

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
