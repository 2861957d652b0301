import { hex } from "../record/ids.js";

const KEY = "hw:s";
const IDLE_MS = 18e5;
const SAVE_EVERY_MS = 6e4;

/**
 * The visit of one tab: its id and its trace id, the same over reloads, new after 30 idle minutes.
 *
 * @param {import("../types.js").World} world
 */
export function createSession(world) {
  let id = "";
  let trace = "";
  let seen = 0;
  let saved = 0;

  try {
    [id, trace, seen] = /** @type {any} */ (world.sessionStorage.getItem(KEY)).split(",");
  } catch {
    // a new visit
  }

  /** @param {boolean} [renew] */
  const touch = (renew) => {
    const now = world.Date.now();
    const isOver = !(Math.abs(now - seen) <= IDLE_MS); // also where what was stored is no time
    if (isOver) id = hex(32);
    if (isOver || renew) trace = hex(32);
    seen = now;
    if (isOver || renew || Math.abs(now - saved) > SAVE_EVERY_MS)
      try {
        world.sessionStorage.setItem(KEY, [id, trace, (saved = seen)].join());
      } catch {
        // it ends with the page
      }
    return { session_id: id, trace_id: trace };
  };
  return touch;
}
