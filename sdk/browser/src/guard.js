/**
 * Runs our own doing: it never throws into the page, and what the page logs meanwhile, because we
 * called it, is not looked at, or a log could cause the next for ever.
 */
export function createGuard() {
  let depth = 0;
  return {
    isInside: () => depth > 0,

    /** @template T @param {() => T} act */
    inside(act) {
      depth++;
      try {
        return act();
      } catch {
        // the caller has its answer for nothing
      } finally {
        depth--;
      }
    },
  };
}
