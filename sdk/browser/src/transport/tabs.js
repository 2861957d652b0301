const LEASE_MS = 1e4;

/**
 * Says which tab sends what earlier pages and crashed tabs left in storage: one tab leads at a
 * time, and a tab that lives keeps its own batches. Web Locks do both, for they end with their tab;
 * on plain HTTP, which has none, age has to do, and the gateway knows a batch again.
 *
 * @param {import("../types.js").World} world
 * @param {string} project
 * @param {string} tab
 * @param {() => void} onLead
 */
export function createTabs(world, project, tab, onLead) {
  const locks = world.navigator?.locks;
  /** @type {AbortController | undefined} */
  let joined;
  let leads = !locks;

  /** @param {string} name @param {() => void} [then] */
  const hold = (name, then) => {
    const { signal } = /** @type {AbortController} */ (joined);
    const whenHeld = () => {
      then?.();
      return new Promise((free) => signal.addEventListener("abort", free));
    };
    locks.request(name, { signal }, whenHeld).catch(() => {}); // given up, or forbidden here
  };

  return {
    enter() {
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
      joined?.abort();
      joined = undefined;
      leads = !locks;
    },

    /**
     * Return those of the stored batches that nobody else will send; none where another tab leads.
     * @param {() => Promise<import("./storage.js").Entry[]>} stored
     */
    async orphans(stored) {
      if (!leads) return [];
      const all = await stored(); // first: who writes after this holds no lock that we see
      const { held = [] } = locks ? await locks.query() : {};
      return all.filter(
        ({ tab: owner, ts }) =>
          owner !== tab &&
          (locks
            ? !held.some(({ name }) => name === `hw:t:${owner}`)
            : world.Date.now() - ts > LEASE_MS),
      );
    },
  };
}
