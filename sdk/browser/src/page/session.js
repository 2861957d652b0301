import { hex } from "../record/ids.js";

/** @typedef {import("../types.js").World} World */

const KEY = "hw:s";
const IDLE_MS = 18e5;
const SAVE_EVERY_MS = 6e4;

/**
 * The visit of one tab: its id and its trace id, the same over reloads, new after 30 idle minutes.
 *
 * @param {World} world
 */
export function createSession(world) {
  let id = "";
  let trace = "";
  let seen = 0;
  let saved = 0;

  const save = () => {
    saved = seen;
    try {
      world.sessionStorage.setItem(KEY, [id, trace, seen].join());
    } catch {
      // the visit ends with the page
    }
  };

  try {
    const [first, second, last] = String(world.sessionStorage.getItem(KEY)).split(",");
    if (/^[0-9a-f]{32}$/.test(second)) [id, trace, seen] = [first, second, +last];
  } catch {
    // a new visit
  }

  const touch = () => {
    const now = world.Date.now();
    if (!id || Math.abs(now - seen) > IDLE_MS) {
      id = hex(world, 32);
      trace = hex(world, 32);
      saved = 0;
    }
    seen = now;
    if (Math.abs(now - saved) > SAVE_EVERY_MS) save();
  };

  return {
    id: () => (touch(), id),
    trace: () => (touch(), trace),
    newTrace() {
      touch();
      trace = hex(world, 32);
      save();
      return trace;
    },
  };
}
