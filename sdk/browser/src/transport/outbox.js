import { hex, uuid7 } from "../record/ids.js";
import { encode } from "../record/plain.js";
import { shrink } from "../record/shrink.js";
import { byteLength, seal } from "./batcher.js";
import { createPost } from "./post.js";
import { createKeep, shorten } from "./storage.js";
import { createTabs } from "./tabs.js";

/** @typedef {import("../types.js").Batch} Batch */

const PROBE_MS = 3e4;
const REFUSED_MS = 3e5;

/**
 * Sends batches one after another, the same bytes in every attempt, and keeps each in storage from
 * before its first attempt until it was answered.
 *
 * @param {import("../types.js").World} world
 * @param {import("../types.js").Settings} settings
 * @param {import("../stats.js").Stats} stats
 * @param {typeof fetch} fetch
 * @param {(reason: string, status: number, events: number) => void} tell
 */
export function createOutbox(world, settings, stats, fetch, tell) {
  const { counts, drop, giveBack } = stats;
  const { maxBytes } = settings;
  const tab = hex(16);
  const keep = createKeep(world, settings, tab);
  const door = createPost(world, settings, fetch);
  /** @type {Set<Batch>} in the order of their times */
  let items = new Set();
  /** @type {((isEmpty: boolean) => void)[]} */
  const waiters = [];
  let resumeAt = 0;
  let isTold = false; // to wait: by Retry-After, or by a refusal
  let isRefused = false;
  let isHeld = false;
  let isAdopting = false;
  /** @type {Batch[]} came since the last look at them */
  let fresh = [];
  let failures = 0;
  let silences = 0;
  let probes = 0; // since there seems to be no connection
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;

  /** @param {Batch} batch @param {string} [reason] of its loss */
  const forget = (batch, reason) => {
    items.delete(batch);
    keep.erase(batch.key);
    if (reason) {
      giveBack(batch.report);
      drop(reason, batch.amount, batch.foreign);
    }
  };

  /** Keep to the bounds, in memory and in storage together. */
  const trim = async () => {
    const stored = await keep.allOf();
    const loose = [...items].filter(({ key, busy }) => !key && !busy);
    shorten([...loose, ...stored], maxBytes, (one) => {
      const { key, amount } = one;
      const batch = [...items].find((item) => item === one || (key && item.key === key));
      if (batch) {
        if (!batch.busy) forget(batch, "evicted");
      } else if (one.tab !== tab) {
        keep.erase(key);
        drop("evicted", amount, true);
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
    if (world.Date.now() - batch.ts > settings.maxAgeMs) forget(batch, "expired");
    else {
      batch.busy = true;
      const answer = await door.post(batch.body, batch.bytes, leaving);
      batch.busy = false;
      if (items.has(batch)) settle(batch, answer);
    }
    if (!items.size) waiters.splice(0).forEach((resolve) => resolve(true));
    pump();
  };

  /** @param {number} ms @param {unknown} [told] */
  const rest = (ms, told) => {
    resumeAt = world.performance.now() + ms;
    isTold = !!told;
  };

  /** @param {Batch} batch @param {import("./post.js").Answer} answer */
  const settle = (batch, { status, waitMs = 0, rejected = 0 }) => {
    const { amount, foreign } = batch;
    /** @param {RegExp} codes */
    const isOneOf = (codes) => codes.test(`${status}`);
    const isTransient = isOneOf(/^(0|408|425|429|5..)$/);
    failures = isTransient ? failures + 1 : 0;
    silences = status ? 0 : silences + 1;
    if (isOneOf(/^2/)) {
      forget(batch);
      counts[foreign ? "recovered" : "sent"] += amount - rejected;
      drop("rejected", rejected, foreign);
      isRefused = false;
      resumeAt = probes = 0;
    } else if (isTransient) {
      counts.retried++;
      const backoff =
        probes || failures > settings.maxRetries || silences > 2
          ? PROBE_MS * Math.min(10, 2 ** probes++)
          : Math.random() * Math.min(PROBE_MS, 1000 * 2 ** (failures - 1));
      rest(waitMs || backoff, waitMs);
    } else if (status === 413) split(batch);
    else if (isOneOf(/400|415|422/)) {
      forget(batch, "refused");
      tell("refused", status, amount);
    } else {
      // The key or the address is wrong: what we have is kept until somebody mends it.
      rest(REFUSED_MS, true);
      if (!isRefused) tell("unauthorized", status, 0);
      isRefused = true;
    }
  };

  /** Make two of a batch that is too large; cut the context of an event that is alone. @param {Batch} batch */
  const split = (batch) => {
    const { events, ...head } = JSON.parse(batch.body);
    const middle = events.length >> 1;
    if (!middle && batch.trimmed) return forget(batch, "too_large");
    if (!middle) shrink(events[0]);
    const parts = middle ? [events.slice(0, middle), events.slice(middle)] : [events];
    const made = parts.map((part) => {
      const id = uuid7(batch.ts);
      const piece = { ...batch, id, key: undefined, amount: part.length, trimmed: !middle };
      seal(piece, { ...head, batch_id: id }, part.map(encode));
      // The losses are told of by the first alone.
      batch.report = head.client_report = undefined;
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
      for (const entry of await tabs.orphans(keep.allOf)) {
        const body = await keep.bodyOf(entry.key);
        if (body?.startsWith(`{"batch_id":"${entry.id}"`) && body.endsWith("]}"))
          items.add({ ...entry, body, bytes: byteLength(body), foreign: true });
        else keep.erase(entry.key);
      }
    } catch {
      // it is still there the next time
    }
    isAdopting = false;
    if (items.size) pump();
  };

  /** There may be a connection again. */
  const retry = () => {
    if (!isTold) resumeAt = 0;
    pump();
  };

  const tabs = createTabs(world, settings.project, tab, pump);

  return {
    enter: tabs.enter,
    leave: tabs.leave,
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
      queueMicrotask(pump);
    },
    /** The page may end now: send what fits, the rest stays in storage. */
    hurry() {
      store();
      if (isHeld || (isTold && resumeAt > world.performance.now())) return;
      for (const batch of items) {
        const { key, busy, foreign, flown, bytes, body } = batch;
        if (busy || foreign || flown || (probes && key)) continue;
        if (door.fits(bytes)) attempt(batch, true);
        else if (!key || settings.keepalive === false) {
          // Nobody will say whether it arrived: if the page stays it is sent again, the same bytes.
          batch.flown = true;
          door.beacon(body);
          rest(PROBE_MS);
        }
      }
    },
    /** Back from where the browser keeps pages: others may have sent what we left. */
    async back() {
      for (const batch of items)
        if (batch.key && (await keep.bodyOf(batch.key)) === null) {
          items.delete(batch);
          if (!batch.foreign) counts.handed_over += batch.amount;
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
    drain: (timeoutMs) =>
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
      tabs.leave();
    },
    /** Count of this page's events that wait. @param {boolean} stored */
    waiting: (stored) =>
      [...items].reduce(
        (sum, { key, foreign, amount }) => sum + (foreign || !key === stored ? 0 : amount),
        stored ? counts.handed_over : 0,
      ),
  };
}
