import { uuid7 } from "../record/ids.js";
import { encode } from "../record/plain.js";
import { shrink } from "../record/shrink.js";
import { byteLength } from "./batcher.js";
import { shorten } from "./storage.js";

/** @typedef {import("../types.js").Batch} Batch */

const PROBE_MS = 3e4;
const REFUSED_MS = 3e5;

/**
 * Sends batches one after another, the same bytes in every attempt, and keeps each in storage from
 * before its first attempt until it was answered.
 *
 * @param {object} given
 * @param {import("../types.js").World} given.world
 * @param {import("../types.js").Settings} given.settings
 * @param {import("../stats.js").Stats} given.stats
 * @param {ReturnType<typeof import("./post.js").createPost>} given.door
 * @param {ReturnType<typeof import("./storage.js").createKeep>} given.keep
 * @param {string} given.tab
 * @param {ReturnType<typeof import("./tabs.js").createTabs>["orphans"]} given.orphans
 * @param {(reason: string, status: number, events: number) => void} given.tell
 */
export function createOutbox({ world, settings, stats, door, keep, tab, orphans, tell }) {
  const { counts } = stats;
  const { maxBytes, maxAgeMs, maxRetries, keepalive } = settings;
  /** @type {Set<Batch>} in the order of their times */
  let items = new Set();
  /** @type {((isEmpty: boolean) => void)[]} */
  const waiters = [];
  let resumeAt = 0;
  let isTold = false; // to wait: by Retry-After, or by a refusal
  let isRefused = false;
  let isOffline = false;
  let isHeld = false;
  let isAdopting = false;
  /** @type {Batch[]} came since the last look at them */
  let fresh = [];
  let silences = 0;
  let probes = 0;
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;

  /** @param {Batch} batch @param {string} [reason] of its loss */
  const forget = (batch, reason) => {
    items.delete(batch);
    keep.remove(batch.key);
    if (reason) {
      stats.giveBack(batch.report);
      stats.drop(reason, batch.count, batch.foreign);
    }
  };

  const trim = async () => {
    const loose = [...items].filter(({ key, busy }) => !key && !busy);
    shorten(loose, maxBytes, (batch) => forget(batch, "evicted"));
    shorten(await keep.entries(), maxBytes, ({ key, count, tab: owner }) => {
      const batch = [...items].find((one) => one.key === key);
      if (batch) {
        if (!batch.busy) forget(batch, "evicted");
      } else if (owner !== tab) {
        keep.remove(key);
        stats.drop("evicted", count, true);
      }
    });
  };

  /** Store what came, and let go what is too much. */
  const store = () => {
    if (!fresh.length) return;
    for (const batch of fresh) if (items.has(batch)) keep.save(batch, isHeld);
    fresh = [];
    trim().catch(() => {});
  };

  const pump = () => {
    store();
    world.clearTimeout(timer);
    const wait = resumeAt - world.performance.now();
    const [first] = items;
    if (isHeld) return;
    if (wait > 0) timer = world.setTimeout(pump, wait);
    else if (!first) adopt();
    else if (![...items].some(({ busy }) => busy)) attempt(first);
  };

  /** @param {Batch} batch @param {boolean} [leaving] */
  const attempt = async (batch, leaving) => {
    if (world.Date.now() - batch.ts > maxAgeMs) forget(batch, "expired");
    else {
      batch.busy = true;
      const answer = await door.post(batch.body, batch.bytes, leaving);
      batch.busy = false;
      if (items.has(batch)) settle(batch, answer);
    }
    if (!items.size) waiters.splice(0).forEach((resolve) => resolve(true));
    pump();
  };

  /** @param {number} ms @param {boolean} told */
  const rest = (ms, told) => {
    resumeAt = world.performance.now() + ms;
    isTold = told;
  };

  /** @param {Batch} batch @param {import("./post.js").Answer} answer */
  const settle = (batch, { status, waitMs = 0, rejected = 0 }) => {
    const { count, foreign } = batch;
    silences = status ? 0 : silences + 1;
    if (status > 199 && status < 300) {
      forget(batch);
      counts[foreign ? "recovered" : "sent"] += count - rejected;
      stats.drop("rejected", rejected, foreign);
      isOffline = isRefused = false;
      resumeAt = probes = 0;
    } else if (!status || status > 499 || [408, 425, 429].includes(status)) {
      counts.retried++;
      const attempts = (batch.attempts = (batch.attempts || 0) + 1);
      isOffline = isOffline || silences > 2 || attempts > maxRetries;
      if (isOffline) batch.attempts = 0;
      const backoff = isOffline
        ? PROBE_MS * Math.min(10, 2 ** probes++)
        : Math.random() * Math.min(PROBE_MS, 1000 * 2 ** (attempts - 1));
      rest(waitMs > 0 ? waitMs : backoff, waitMs > 0);
    } else if (status === 413) split(batch);
    else if ([400, 415, 422].includes(status)) {
      forget(batch, "refused");
      tell("refused", status, count);
    } else {
      // The key or the address is wrong: what we have is kept until somebody mends it.
      rest(REFUSED_MS, true);
      if (!isRefused) tell("unauthorized", status, 0);
      isRefused = true;
    }
  };

  /** Make two of a batch that is too large; cut the context of an event that is alone. @param {Batch} batch */
  const split = (batch) => {
    const { ts, trimmed, body } = batch;
    const { events, ...head } = JSON.parse(body);
    const middle = events.length >> 1;
    if (!middle && trimmed) return forget(batch, "too_large");
    if (!middle) shrink(events[0]);
    const parts = [events.slice(0, middle), events.slice(middle)].filter((part) => part.length);
    const made = parts.map((part) => {
      const piece = {
        ...batch,
        id: uuid7(ts),
        key: undefined,
        count: part.length,
        trimmed: !middle,
      };
      piece.body = encode({ ...head, batch_id: piece.id, events: part });
      piece.bytes = byteLength(piece.body);
      if (part !== parts[0]) piece.report = undefined;
      delete head.client_report;
      keep.save(piece, isHeld);
      return piece;
    });
    forget(batch);
    items = new Set([...made, ...items]);
  };

  /** Take over what earlier pages left. */
  const adopt = async () => {
    if (isAdopting) return;
    isAdopting = true;
    try {
      const isOrphan = await orphans();
      for (const entry of isOrphan ? await keep.entries() : []) {
        if (entry.tab === tab || !isOrphan?.(entry)) continue;
        const body = await keep.body(entry.key);
        if (body?.startsWith(`{"batch_id":"${entry.id}"`) && body.endsWith("]}"))
          items.add({ ...entry, body, bytes: byteLength(body), foreign: true });
        else keep.remove(entry.key);
      }
    } catch {
      // it is still there the next time
    }
    isAdopting = false;
    if (items.size) pump();
  };

  /** The page may end now: send what fits, the rest stays in storage. */
  const leave = () => {
    store();
    if (isHeld || (isTold && resumeAt > world.performance.now())) return;
    for (const batch of items) {
      const { key, busy, foreign, flown, bytes, body } = batch;
      if (busy || foreign || flown || (isOffline && key)) continue;
      if (door.fits(bytes)) attempt(batch, true);
      else if (!key || keepalive === false) {
        // Nobody will say whether it arrived: if the page stays it is sent again, the same bytes.
        batch.flown = true;
        door.beacon(body);
        rest(PROBE_MS, false);
      }
    }
  };

  /** There may be a connection again. */
  const retry = () => {
    if (!isTold) resumeAt = 0;
    pump();
  };

  return {
    pump,
    leave,
    retry,
    /** @param {Batch} batch */
    save: (batch) => keep.save(batch, isHeld),
    /**
     * The page is in the midst of its own work: storing and sending wait until that is done, unless
     * it may die of what is in the batch.
     * @param {Batch} batch
     */
    add(batch) {
      items.add(batch);
      fresh.push(batch);
      if (batch.severe) store();
      Promise.resolve().then(pump);
    },
    /** Back from where the browser keeps pages: others may have sent what we left. */
    async back() {
      for (const batch of items)
        if (batch.key && (await keep.body(batch.key)) === null) {
          items.delete(batch);
          if (!batch.foreign) counts.handed_over += batch.count;
        }
      pump();
    },
    /** Send and store nothing until consent is back. @param {boolean} held */
    hold(held) {
      isHeld = held;
      for (const batch of items) if (!batch.foreign) keep.save(batch, isHeld);
      pump();
    },
    /** @param {number} timeoutMs @returns {Promise<boolean>} whether all was sent */
    flush: (timeoutMs) =>
      new Promise((resolve) => {
        retry();
        if (!items.size) return resolve(true);
        waiters.push(resolve);
        world.setTimeout(resolve, timeoutMs, false);
      }),
    /** Stop; what is not sent stays in storage. Events that are in memory only are lost. */
    stop() {
      store();
      isHeld = true;
      pump();
      for (const batch of items) if (!batch.key) forget(batch, "closed");
    },
    /** Count of this page's events that wait. @param {boolean} stored */
    count: (stored) =>
      [...items].reduce(
        (sum, { key, foreign, count }) => sum + (foreign || !key === stored ? 0 : count),
        stored ? counts.handed_over : 0,
      ),
  };
}
