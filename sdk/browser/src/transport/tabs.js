/** @typedef {import("../types.js").World} World */

const LEASE_MS = 1e4;

/**
 * Says which tab sends what earlier pages and crashed tabs left in storage: one tab leads at a
 * time, and a tab that lives keeps its own batches. Web Locks do both, for they end with their tab;
 * on plain HTTP, which has none, age has to do, and the gateway knows a batch again.
 *
 * @param {World} world
 * @param {string} project
 * @param {string} tab
 * @param {() => void} onLead
 */
export function createTabs(world, project, tab, onLead) {
  const locks = world.navigator && world.navigator.locks;
  /** @type {AbortController | undefined} */
  let joined;
  let leads = false;

  /** @param {string} name @param {() => void} [then] */
  const hold = (name, then) => {
    const { signal } = /** @type {AbortController} */ (joined);
    locks
      .request(name, { signal }, () => {
        if (then) then();
        return new Promise((free) => signal.addEventListener("abort", free));
      })
      .catch(() => {}); // given up while waiting, or forbidden here
  };

  return {
    join() {
      if (joined) return;
      joined = new AbortController();
      if (!locks) return onLead();
      hold(`hw:t:${tab}`);
      hold(`hw:l:${project}`, () => {
        leads = true;
        onLead();
      });
    },

    /** A page that holds locks cannot be kept for the way back. */
    leave() {
      if (joined) joined.abort();
      joined = undefined;
      leads = false;
    },

    /**
     * Return the test of what nobody else will send; nothing where another tab leads.
     * @returns {Promise<((owner: string, ts: number) => boolean) | undefined>}
     */
    async orphans() {
      if (!locks) return (owner, ts) => owner !== tab && world.Date.now() - ts > LEASE_MS;
      if (!leads) return;
      const { held = [] } = await locks.query();
      const living = held.map(({ name }) => name);
      return (owner) => owner !== tab && !living.includes(`hw:t:${owner}`);
    },
  };
}
