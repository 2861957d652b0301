import { uuid7 } from "../record/ids.js";
import { createPlain, encode } from "../record/plain.js";

/** @typedef {import("../types.js").Batch} Batch */

const BATCH_BYTES = 48 * 1024;
const SDK = { name: "headwater-browser", version: "0.1.0" };

/** @param {string} text */
export const byteLength = (text) => new TextEncoder().encode(text).length;

/**
 * Give a batch the bytes that it has from now on.
 *
 * @param {Batch} batch
 * @param {object} head what stands before the events
 * @param {string[]} events as JSON
 */
export function seal(batch, head, events) {
  const start = encode({ batch_id: batch.id, ...head });
  batch.body = `${start.slice(0, -1)},"events":[${events}]}`;
  batch.bytes = byteLength(batch.body);
  return batch;
}

/**
 * Collects events and closes a batch after so many, after a time, or at 48 KiB.
 *
 * @param {import("../types.js").World} world
 * @param {import("../types.js").Settings} settings
 * @param {import("../stats.js").Stats} stats
 * @param {object} outbox
 * @param {(batch: Batch) => void} outbox.add
 * @param {(batch: Batch) => void} outbox.save
 */
export function createBatcher(world, settings, stats, outbox) {
  /** @type {Batch | undefined} */
  let open;
  /** @type {string[]} */
  let events = [];
  let last = 0;
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;

  const head = createPlain().plain({
    release: settings.release,
    environment: settings.env,
    sdk: SDK,
  });
  /** @param {Batch} batch */
  const close = (batch) => seal(batch, { ...head, client_report: batch.report }, events);

  const cut = () => {
    world.clearTimeout(timer);
    if (!open) return;
    const batch = open;
    batch.report = stats.takeReport();
    open = undefined;
    outbox.add(close(batch));
    events = [];
  };

  return {
    cut,
    waiting: () => (open ? open.amount : 0),
    /**
     * @param {string} event as JSON
     * @param {boolean} severe
     */
    add(event, severe) {
      const size = byteLength(event);
      if (open && open.bytes + size > BATCH_BYTES) cut();
      if (!open) {
        // Never twice the same, so that batches keep their order in storage.
        last = Math.max(world.Date.now(), last + 1);
        open = { id: uuid7(last), ts: last, severe: 0, amount: 0, body: "", bytes: 0 };
        timer = world.setTimeout(cut, settings.flushMs);
      }
      open.amount = events.push(event);
      open.bytes += size;
      if (severe) open.severe = 1;
      if (open.amount >= settings.batchSize) cut();
      // An error is what the page may die of: it is in storage before anything else happens.
      else if (severe) outbox.save(close(open));
    },
  };
}
