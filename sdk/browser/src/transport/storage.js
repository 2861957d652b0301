/** @typedef {import("../types.js").Storage} Storage */

export const PREFIX = "hw:q:";
const MAX_BATCHES = 200;

/**
 * @typedef {object} Entry what the key of a stored batch says
 * @property {string} key
 * @property {string} id
 * @property {number} ts
 * @property {number} severe 1 where it holds an error
 * @property {number} count
 * @property {number} bytes of key and value at the most, in the units of the quota
 * @property {string} tab which wrote it
 */

/**
 * Return the page's localStorage behind the interface for batches, one key a batch; nothing where
 * the page may not touch it. A full one still gives back what it holds.
 *
 * @param {import("../types.js").World} world
 * @param {string} prefix
 * @returns {Storage | undefined}
 */
export function openLocalStorage(world, prefix) {
  try {
    const store = world.localStorage;
    return (
      store && {
        list: () => Object.keys(store).filter((key) => key.startsWith(prefix)),
        get: (key) => store.getItem(key),
        put: (key, value) => store.setItem(key, value),
        remove: (key) => store.removeItem(key),
      }
    );
  } catch {
    // sandboxed or blocked: memory has to do
  }
}

const KEY_LENGTH = 160;

/** @param {string} prefix @param {string} key @returns {Entry | undefined} */
function entryOf(prefix, key) {
  const [tab, ts, severe, count, bytes, id, more] = key.slice(prefix.length).split(":");
  if (id && !more) return { key, id, ts: +ts, severe: +severe, count: +count, bytes: +bytes, tab };
}

/**
 * Keeps batches in a storage that may be missing, full, or the page's own: it never throws.
 *
 * @param {Storage | undefined} storage
 * @param {string} prefix of its keys
 * @param {string} tab
 */
export function createKeep(storage, prefix, tab) {
  /** @param {string} [key] */
  const remove = async (key) => {
    try {
      if (key) await storage?.remove(key);
    } catch {
      // it stays, and the gateway knows it again
    }
  };

  return {
    remove,

    /**
     * Write a batch in place of what it was; take it out while nothing may be stored.
     * @param {import("../types.js").Batch} batch @param {boolean} isHeld
     */
    async save(batch, isHeld) {
      const { ts, severe, count, id, body } = batch;
      const size = body.length + KEY_LENGTH;
      const key = `${prefix}${[tab, ts, severe, count, size, id].join(":")}`;
      if (batch.key !== key || isHeld) remove(batch.key);
      batch.key = undefined;
      if (!storage || isHeld) return;
      try {
        batch.key = key;
        await storage.put(key, body);
      } catch {
        batch.key = undefined; // memory has to do
      }
    },

    /** All batches, the oldest first; what is none of ours is removed. */
    async entries() {
      const found = [];
      for (const key of (await storage?.list()) || []) {
        const entry = entryOf(prefix, key);
        if (entry) found.push(entry);
        else remove(key);
      }
      return found.sort((a, b) => a.ts - b.ts);
    },

    /** @param {string} key */
    body: async (key) => storage?.get(key),
  };
}

/**
 * Let go what exceeds the bounds, the oldest without errors first.
 *
 * @template {{ severe: number, ts: number, bytes: number }} T
 * @param {T[]} all
 * @param {number} maxBytes
 * @param {(one: T) => void} drop
 */
export function shorten(all, maxBytes, drop) {
  let left = all.length;
  let size = all.reduce((sum, one) => sum + one.bytes, 0);
  for (const one of all.sort((a, b) => a.severe - b.severe || a.ts - b.ts)) {
    if (size <= maxBytes && left <= MAX_BATCHES) break;
    size -= one.bytes;
    left--;
    drop(one);
  }
}
