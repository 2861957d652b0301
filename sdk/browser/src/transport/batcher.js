import { uuid7 } from "../record/ids.js";
import { encode } from "../record/plain.js";

/** @typedef {import("../types.js").World} World */
/** @typedef {import("../types.js").Batch} Batch */

const BATCH_BYTES = 48 * 1024;
export const SDK = { name: "headwater-browser", version: "0.1.0" };

/** @param {string} text */
export const byteLength = (text) => new TextEncoder().encode(text).length;

/**
 * Collects events and closes a batch after so many, after a time, or at 48 KiB.
 *
 * @param {World} world
 * @param {import("../types.js").Settings} settings
 * @param {import("../stats.js").Stats} stats
 * @param {object} outbox
 * @param {(batch: Batch) => void} outbox.add
 * @param {(batch: Batch, tag: { key?: string }) => void} outbox.save
 */
export function createBatcher(world, { batchSize, flushMs, release, env }, stats, outbox) {
  const head = encode({ release, environment: env, sdk: SDK }).slice(1, -1);
  /** @type {{ id: string, ts: number, severe: 0 | 1, parts: string[], bytes: number, key?: string } | undefined} */
  let open;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** @param {NonNullable<typeof open>} from @param {Record<string, number>} [report] @returns {Batch} */
  const seal = ({ id, ts, severe, parts, key }, report) => {
    const told = report ? `"client_report":${encode(report)},` : "";
    const body = `{"batch_id":"${id}",${head},${told}"events":[${parts}]}`;
    return { id, ts, severe, count: parts.length, body, bytes: byteLength(body), report, key };
  };

  const cut = () => {
    world.clearTimeout(timer);
    timer = undefined;
    if (!open) return;
    const batch = seal(open, stats.takeReport());
    open = undefined;
    outbox.add(batch);
  };

  return {
    cut,
    count: () => (open ? open.parts.length : 0),
    /**
     * @param {string} event as JSON
     * @param {boolean} severe
     */
    add(event, severe) {
      const bytes = byteLength(event);
      if (open && open.bytes + bytes > BATCH_BYTES) cut();
      if (!open) {
        const ts = world.Date.now();
        open = { id: uuid7(world, ts), ts, severe: 0, parts: [], bytes: 0 };
      }
      open.parts.push(event);
      open.bytes += bytes;
      if (severe) open.severe = 1;
      if (open.parts.length >= batchSize) return cut();
      if (timer === undefined) timer = world.setTimeout(cut, flushMs);
      // An error is what the page may die of: it is in storage before anything else happens.
      if (severe) outbox.save(seal(open), open);
    },
  };
}
