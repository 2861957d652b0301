/**
 * Headwater in the browser: `init` gives the page's log. Importing this does nothing.
 */
import { createClient } from "./client.js";

const REGISTRY = Symbol.for("headwater");

/** @typedef {import("./types.js").Log} Log */

/**
 * Start logging. A second call with the same key, also from a second copy of this script, returns
 * the first log. Options that make no sense are told of on the console; the log then takes nothing.
 *
 * @param {Partial<import("./types.js").Options>} options
 * @returns {Log}
 */
export function init(options) {
  const world = /** @type {any} */ (globalThis);
  try {
    const clients = (world[REGISTRY] = world[REGISTRY] || {});
    const { endpoint, apiKey, app } = options || {};
    const name = [endpoint, apiKey, app].join();
    return (clients[name] =
      clients[name] || createClient(options, world, () => delete clients[name]));
  } catch (error) {
    // Rather no log than one that redacts less than it was asked to.
    console.error("headwater", error);
    return createClient({}, world);
  }
}
