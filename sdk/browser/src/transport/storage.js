/** @typedef {import("../types.js").Storage} Storage */

const MAX_BATCHES = 200;
const KEY_LENGTH = 160;

/**
 * @typedef {object} Entry what the key of a stored batch says
 * @property {string} key
 * @property {string} id
 * @property {number} ts
 * @property {number} severe 1 where it holds an error
 * @property {number} amount of its events
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
function openLocalStorage(world, prefix) {
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

/**
 * Keeps batches in a storage that may be missing, full, or the page's own: saving and removing
 * never throw.
 *
 * @param {import("../types.js").World} world
 * @param {import("../types.js").Settings} settings
 * @param {string} tab
 */
export function createKeep(world, settings, tab) {
  const prefix = `hw:q:${settings.project}:`;
  const storage = /** @type {Storage} */ (
    settings.offline === false ? undefined : settings.storage || openLocalStorage(world, prefix)
  );

  /** @param {string} [key] */
  const erase = async (key) => {
    try {
      if (key) await storage.remove(key);
    } catch {
      // it stays, and the gateway knows it again
    }
  };

  return {
    erase,

    /**
     * Write a batch in place of what it was; take it out while nothing may be stored.
     * @param {import("../types.js").Batch} batch @param {boolean} isHeld
     */
    async save(batch, isHeld) {
      const { ts, severe, amount, id, body } = batch;
      const key = isHeld
        ? undefined
        : prefix + [tab, ts, severe, amount, body.length + KEY_LENGTH, id].join(":");
      if (batch.key !== key) erase(batch.key);
      batch.key = key;
      try {
        if (key) await storage.put(key, body);
      } catch {
        batch.key = undefined; // memory has to do
      }
    },

    /** All batches, the oldest first; what is none of ours is removed. */
    async allOf() {
      /** @type {Entry[]} */
      const found = [];
      for (const key of (await storage?.list()) || []) {
        const [owner, ts, severe, amount, bytes, id, more] = key.slice(prefix.length).split(":");
        if (!id || more) erase(key);
        else
          found.push({
            key,
            id,
            ts: +ts,
            severe: +severe,
            amount: +amount,
            bytes: +bytes,
            tab: owner,
          });
      }
      return found.sort((a, b) => a.ts - b.ts);
    },

    /** @param {string} key */
    bodyOf: async (key) => storage.get(key),
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
