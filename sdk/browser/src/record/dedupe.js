/** @typedef {import("../types.js").Event} Event */

const KEYS = 200;

/**
 * @typedef {object} Window of one kind of event; it opens with the first of them
 * @property {number} end
 * @property {Event | undefined} event nothing where the first was dropped: so are its repeats
 * @property {number} count of the repeats
 * @property {number} last wall clock time of the last of them
 */

/**
 * Folds repeats: the first goes out at once, the others only count, and at the end of the window
 * one summary stands for them. The counts of all sum up to the occurrences.
 *
 * @param {object} given
 * @param {import("../types.js").World} given.world
 * @param {number} given.windowMs
 * @param {(event: Event, count: number, last: number) => void} given.summarise
 */
export function createDedupe({ world, windowMs, summarise }) {
  /** @type {Map<string, Window>} in the order of their ends */
  const windows = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const mono = () => world.performance.now();

  /** @param {Window} window */
  const emit = (window) => {
    const { event, count, last } = window;
    window.count = 0;
    if (event && count) summarise(event, count, last);
  };

  /** @param {string} key @param {Window} window */
  const shut = (key, window) => {
    windows.delete(key);
    emit(window);
  };

  const sweep = () => {
    world.clearTimeout(timer);
    timer = undefined;
    for (const [key, window] of windows) {
      const left = window.end - mono();
      if (left > 0) {
        timer = world.setTimeout(sweep, left);
        return;
      }
      shut(key, window);
    }
  };

  return {
    /**
     * Return the window that an event repeats in, already counted; nothing for the first.
     * @param {string} key
     * @param {number} now wall clock
     */
    repeat(key, now) {
      const window = windows.get(key);
      if (!window) return;
      if (window.end <= mono()) return shut(key, window);
      window.count++;
      window.last = now;
      return window;
    },

    /**
     * Open the window of a first event.
     * @param {string} key
     * @param {Event} [event]
     */
    open(key, event) {
      if (!windowMs) return;
      for (const [oldest, window] of windows) {
        if (windows.size < KEYS) break;
        shut(oldest, window);
      }
      windows.set(key, { end: mono() + windowMs, event, count: 0, last: 0 });
      if (!timer) sweep();
    },

    /** Count of the summaries still to come. */
    pending: () => [...windows.values()].filter((window) => window.event && window.count).length,

    /** Send the summaries now; the windows stay. */
    flush: () => windows.forEach(emit),
  };
}
