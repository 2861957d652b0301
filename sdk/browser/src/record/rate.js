/**
 * Return the guard that lets 20 events a second through and 200 at once. The last quarter is kept
 * for errors, so that no chatter displaces them.
 *
 * @param {import("../types.js").World} world
 * @returns {(severe: boolean) => boolean}
 */
export function createRateGuard(world) {
  const burst = 200;
  const perMs = 0.02;
  let tokens = burst;
  let last = world.performance.now();
  return (severe) => {
    const now = world.performance.now();
    tokens = Math.min(burst, tokens + Math.max(0, now - last) * perMs);
    last = now;
    if (tokens < (severe ? 1 : burst / 4 + 1)) return false;
    tokens--;
    return true;
  };
}
