import { uuid7 } from "../record/ids.js";
import { encode } from "../record/plain.js";
import { shrink } from "../record/shrink.js";
import { byteLength } from "./batcher.js";
import { entryOf, keyOf } from "./storage.js";

/** @typedef {import("../types.js").World} World */
/** @typedef {import("../types.js").Batch} Batch */
/** @typedef {Batch & { key?: string, foreign?: boolean, attempts?: number, busy?: boolean, trimmed?: boolean }} Item */

const SECOND = 1000;
const MAX_BATCHES = 200;
const REFUSED_MS = 300 * SECOND;
const PROBE_MS = 30 * SECOND;

/**
 * Sends batches one after another, the same bytes in every attempt, and keeps each in storage from
 * before its first attempt until it was answered.
 *
 * @param {object} given
 * @param {World} given.world
 * @param {import("../types.js").Settings} given.settings
 * @param {import("../stats.js").Stats} given.stats
 * @param {ReturnType<typeof import("./post.js").createPost>} given.door
 * @param {import("../types.js").Storage} [given.storage]
 * @param {string} given.prefix of keys in storage
 * @param {string} given.tab
 * @param {() => Promise<((owner: string, ts: number) => boolean) | undefined>} given.orphans
 * @param {(problem: import("../types.js").Problem) => void} given.tell
 */
export function createOutbox({
  world,
  settings,
  stats,
  door,
  storage,
  prefix,
  tab,
  orphans,
  tell,
}) {
  /** @type {Item[]} */
  let items = [];
  /** @type {((isEmpty: boolean) => void)[]} */
  let waiters = [];
  let resumeAt = 0;
  let isTold = false; // to wait: by Retry-After, or by a refusal
  let isRefused = false;
  let isOffline = false;
  let isHeld = false;
  let isLeaving = false;
  let isAdopting = false;
  let silences = 0;
  let probes = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const mono = () => world.performance.now();

  /** @param {() => unknown} act the storage may be full, gone, or the page's own */
  const attemptTo = (act) => {
    try {
      const result = act();
      Promise.resolve(result).catch(() => {});
      return true;
    } catch {
      return false;
    }
  };

  /** @param {string | undefined} key */
  const erase = (key) => {
    if (key && storage) attemptTo(() => storage.remove(key));
  };

  /** Write a batch to storage; `tag` remembers under which key. @param {Batch} batch @param {{ key?: string }} tag */
  const save = (batch, tag) => {
    if (!storage) return;
    if (isHeld) {
      erase(tag.key);
      tag.key = undefined;
      return;
    }
    const key = keyOf(prefix, batch, tab);
    if (tag.key !== key) erase(tag.key);
    tag.key = attemptTo(() => storage.put(key, batch.body)) ? key : undefined;
  };

  /** @param {Item} item */
  const forget = (item) => {
    items = items.filter((one) => one !== item);
    erase(item.key);
  };

  /** @param {Item} item @param {string} reason */
  const lose = (item, reason) => {
    forget(item);
    stats.giveBack(item.report);
    (item.foreign ? stats.lose : stats.drop)(reason, item.count);
  };

  /**
   * Name what has to go so that the rest keeps within its bounds: the oldest without errors first.
   * @template {{ severe: number, ts: number, size: number }} T
   * @param {T[]} all
   */
  const excess = (all) => {
    let size = all.reduce((sum, one) => sum + one.size, 0);
    all.sort((a, b) => a.severe - b.severe || a.ts - b.ts);
    return all.filter((one, index) => {
      const goes = size > settings.maxBytes || all.length - index > MAX_BATCHES;
      if (goes) size -= one.size;
      return goes;
    });
  };

  const trim = async () => {
    for (const { item } of excess(
      items
        .filter((one) => !one.key && !one.busy)
        .map((item) => ({ ...item, item, size: item.bytes })),
    ))
      lose(item, "evicted");
    if (!storage) return;
    const entries = [];
    for (const key of await storage.list()) {
      const entry = entryOf(prefix, key);
      if (entry) entries.push(entry);
    }
    for (const { key, id, count } of excess(entries)) {
      const item = items.find((one) => one.id === id);
      if (item && item.busy) continue;
      if (item) lose(item, "evicted");
      else {
        erase(key);
        stats.lose("evicted", count);
      }
    }
  };

  /** @param {Batch} batch */
  const add = (batch) => {
    /** @type {Item} */
    const item = batch;
    items.push(item);
    save(item, item);
    trim().catch(() => {});
    if (isLeaving) leave();
    else pump();
  };

  /** @param {number} ms @param {boolean} told */
  const rest = (ms, told) => {
    resumeAt = mono() + ms;
    isTold = told;
  };

  const pump = () => {
    world.clearTimeout(timer);
    if (isHeld) return;
    const wait = resumeAt - mono();
    if (wait > 0) timer = world.setTimeout(pump, wait);
    else if (!items.length) adopt();
    else if (!items.some((item) => item.busy)) attempt(items[0], false);
  };

  /** @param {Item} item @param {boolean} leaving */
  const attempt = async (item, leaving) => {
    if (world.Date.now() - item.ts > settings.maxAgeMs) lose(item, "expired");
    else {
      item.busy = true;
      const answer = await door.post(item.body, item.bytes, leaving);
      item.busy = false;
      if (items.includes(item)) settle(item, answer);
    }
    if (!items.length) {
      waiters.forEach((resolve) => resolve(true));
      waiters = [];
    }
    pump();
  };

  /** @param {Item} item @param {import("./post.js").Answer} answer */
  const settle = (item, { status, waitMs, rejected = 0 }) => {
    silences = status ? 0 : silences + 1;
    if (status >= 200 && status < 300) {
      forget(item);
      stats.counts[item.foreign ? "recovered" : "sent"] += item.count - rejected;
      (item.foreign ? stats.lose : stats.drop)("rejected", rejected);
      isOffline = isRefused = false;
      resumeAt = probes = 0;
    } else if (!status || status >= 500 || [408, 425, 429].includes(status)) {
      item.attempts = (item.attempts || 0) + 1;
      isOffline = isOffline || silences > 2 || item.attempts > settings.maxRetries;
      stats.counts.retried++;
      const backoff = isOffline
        ? PROBE_MS * Math.min(10, 2 ** probes++)
        : Math.random() * Math.min(PROBE_MS, SECOND * 2 ** (item.attempts - 1));
      if (isOffline) item.attempts = 0;
      rest(waitMs || backoff, !!waitMs);
    } else if (status === 413) split(item);
    else if ([400, 415, 422].includes(status)) {
      lose(item, "refused");
      tell({ reason: "refused", status, events: item.count });
    } else {
      // The key or the address is wrong: what we have is kept until somebody mends it.
      rest(REFUSED_MS, true);
      if (!isRefused) tell({ reason: "unauthorized", status });
      isRefused = true;
    }
  };

  /** Make two of a batch that is too large; cut the context of an event that is alone. @param {Item} item */
  const split = (item) => {
    const { client_report, events, ...head } = JSON.parse(item.body);
    /** @type {any[][]} */
    let parts = [events];
    if (events.length > 1) {
      const middle = events.length >> 1;
      parts = [events.slice(0, middle), events.slice(middle)];
    } else if (!item.trimmed) shrink(events[0]);
    else return lose(item, "too_large");
    const made = parts.map((part, index) => {
      const id = uuid7(world, item.ts);
      const body = encode({
        ...head,
        batch_id: id,
        client_report: index ? undefined : client_report,
        events: part,
      });
      /** @type {Item} */
      const piece = {
        ...item,
        id,
        body,
        key: undefined,
        count: part.length,
        bytes: byteLength(body),
        report: index ? undefined : item.report,
        trimmed: parts.length < 2,
      };
      save(piece, piece);
      return piece;
    });
    forget(item);
    items.unshift(...made);
  };

  /** Take over what earlier pages left. */
  const adopt = async () => {
    if (!storage || isAdopting) return;
    isAdopting = true;
    try {
      const isOrphan = await orphans();
      if (isOrphan)
        for (const key of await storage.list()) {
          const entry = entryOf(prefix, key);
          if (entry && (entry.tab === tab || !isOrphan(entry.tab, entry.ts))) continue;
          const body = entry && (await storage.get(key));
          if (entry && body && body.startsWith(`{"batch_id":"${entry.id}"`) && body.endsWith("]}"))
            items.push({ ...entry, body, bytes: byteLength(body), foreign: true });
          else erase(key);
        }
    } catch {
      // it is still there the next time
    }
    isAdopting = false;
    if (items.length) pump();
  };

  /** The page may end now: send what fits, the rest stays in storage. */
  const leave = () => {
    if (isHeld || (isTold && mono() < resumeAt)) return;
    for (const item of items) {
      if (item.busy || item.foreign || (isOffline && item.key)) continue;
      if (door.fits(item.bytes)) attempt(item, true);
      else if (!item.key || !settings.keepalive) door.beacon(item.body);
    }
  };

  return {
    add,
    save,
    erase,
    pump,
    leave,
    /** @param {boolean} leaving */
    setLeaving(leaving) {
      isLeaving = leaving;
    },
    /** There may be a connection again. */
    retry() {
      if (!isTold) resumeAt = 0;
      pump();
    },
    /** Back from where the browser keeps pages: others may have sent what we left. */
    async back() {
      for (const item of items)
        if (item.key && storage && (await storage.get(item.key)) === null) {
          items = items.filter((one) => one !== item);
          if (!item.foreign) stats.counts.handed_over += item.count;
        }
      pump();
    },
    /** Send and store nothing until consent is back. @param {boolean} held */
    hold(held) {
      isHeld = held;
      for (const item of items) if (!item.foreign) save(item, item);
      pump();
    },
    /** @param {number} timeoutMs @returns {Promise<boolean>} whether all was sent */
    flush(timeoutMs) {
      this.retry();
      return new Promise((resolve) => {
        if (!items.length) return resolve(true);
        waiters.push(resolve);
        world.setTimeout(resolve, timeoutMs, false);
      });
    },
    /** Stop; what is not sent stays in storage. Events that are in memory only are lost. */
    stop() {
      isHeld = true;
      world.clearTimeout(timer);
      for (const item of items) if (!item.key) lose(item, "closed");
    },
    counts() {
      let stored = stats.counts.handed_over;
      let queued = 0;
      for (const item of items)
        if (!item.foreign) {
          if (item.key) stored += item.count;
          else queued += item.count;
        }
      return { stored, queued };
    },
  };
}
