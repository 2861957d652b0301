/** @typedef {import("../types.js").Storage} Storage */

export const PREFIX = "hw:q:";

/**
 * @typedef {object} Entry what the key of a stored batch says
 * @property {string} key
 * @property {string} id
 * @property {number} ts
 * @property {number} severe 1 where it holds an error
 * @property {number} count
 * @property {number} size of key and value at the most, in the units of the quota
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

/** @param {import("../types.js").Batch} batch */
export const keyOf = ({ ts, severe, count, id, body }) =>
  [ts, severe, count, body.length + KEY_LENGTH, id].join(":");

/** @param {string} prefix @param {string} key @returns {Entry | undefined} */
export function entryOf(prefix, key) {
  const [tab, ts, severe, count, size, id, more] = key.slice(prefix.length).split(":");
  if (id && !more) return { key, id, ts: +ts, severe: +severe, count: +count, size: +size, tab };
}
