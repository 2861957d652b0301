/** @typedef {import("../types.js").World} World */
/** @typedef {import("../types.js").Storage} Storage */

export const PREFIX = "hw:q:";

/**
 * @typedef {object} Entry what the key of a stored batch says
 * @property {string} key
 * @property {string} id
 * @property {number} ts
 * @property {0 | 1} severe
 * @property {number} count
 * @property {number} size of key and value, in the units of the quota
 * @property {string} tab which wrote it
 */

/**
 * Return the page's localStorage behind the interface for batches, one key a batch; nothing where
 * the page may not touch it. A full one still gives back what it holds.
 *
 * @param {World} world
 * @param {string} prefix
 * @returns {Storage | undefined}
 */
export function openLocalStorage(world, prefix) {
  try {
    const store = world.localStorage;
    store.getItem(prefix);
    return {
      list: () => Object.keys(store).filter((key) => key.startsWith(prefix)),
      get: (key) => store.getItem(key),
      put: (key, value) => store.setItem(key, value),
      remove: (key) => store.removeItem(key),
    };
  } catch {
    // sandboxed or blocked: memory has to do
  }
}

/** @param {string} prefix @param {import("../types.js").Batch} batch @param {string} tab */
export function keyOf(prefix, { ts, severe, count, id, body }, tab) {
  const size = prefix.length + 90 + body.length;
  return `${prefix}${ts}:${severe}:${count}:${size}:${tab}:${id}`;
}

/** @param {string} prefix @param {string} key @returns {Entry | undefined} */
export function entryOf(prefix, key) {
  const found = /^(\d+):([01]):(\d+):(\d+):([0-9a-f]+):([0-9a-f-]{36})$/.exec(
    key.slice(prefix.length),
  );
  if (found) {
    const [, ts, severe, count, size, tab, id] = found;
    return {
      key,
      id,
      ts: +ts,
      severe: /** @type {0 | 1} */ (+severe),
      count: +count,
      size: +size,
      tab,
    };
  }
}
