/** @typedef {import("../types.js").Event} Event */

const KEYS = 200;

/**
 * @typedef {object} Repeats of one kind of event, in the time since the first of them
 * @property {number} end of that time
 * @property {Event | undefined} event the first; nothing where it was dropped, so are its repeats
 * @property {number} amount
 * @property {number} last wall clock time of the last of them
 */

/**
 * Folds repeats: the first goes out at once, the others only count, and at the end of the window
 * one summary stands for them. The counts of all sum up to the occurrences.
 *
 * @param {import("../types.js").World} world
 * @param {number} windowMs
 * @param {(event: Event, count: number, last: number) => void} summarise
 */
export function createDedupe(world, windowMs, summarise) {
  /** @type {Map<string, Repeats>} in the order of their ends */
  const windows = new Map();
  let isWaiting = false; // for the first window's end; to set a timer anew for each event costs much

  /** @param {Repeats} repeats */
  const emit = ({ event, amount, last }) => {
    if (event && amount) summarise(event, amount, last);
  };

  /** End what is over, and the oldest when there are too many. */
  const sweep = () => {
    for (const [key, repeats] of windows) {
      const left = repeats.end - world.performance.now();
      if (left > 0 && windows.size <= KEYS) {
        isWaiting ||= !!world.setTimeout(() => {
          isWaiting = false;
          sweep();
        }, left);
        break;
      }
      windows.delete(key);
      emit(repeats);
    }
  };

  return {
    /**
     * Return what an event repeats, already counted; nothing for the first.
     * @param {string} key
     * @param {number} now wall clock
     */
    repeat(key, now) {
      sweep();
      const repeats = windows.get(key);
      if (repeats) {
        repeats.amount++;
        repeats.last = now;
      }
      return repeats;
    },

    /** @param {string} key @param {Event} [event] */
    begin(key, event) {
      windows.set(key, { end: world.performance.now() + windowMs, event, amount: 0, last: 0 });
      sweep();
    },

    /** Count of the summaries still to come. */
    pending: () => [...windows.values()].filter(({ event, amount }) => event && amount).length,

    /** Send the summaries now; the windows stay. */
    tellAll() {
      for (const repeats of windows.values()) {
        emit(repeats);
        repeats.amount = 0;
      }
    },
  };
}
