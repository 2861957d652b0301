/**
 * Counts what became of events. `drop` counts this page's own, which are part of the identity
 * captured = sent + stored + queued + dropped + deduped + sampled; `lose` those of earlier pages.
 */
export function createStats() {
  const counts = {
    captured: 0,
    sent: 0,
    deduped: 0,
    sampled: 0,
    retried: 0,
    redacted: 0,
    hook_failed: 0,
    recovered: 0,
    handed_over: 0,
  };
  /** @type {Record<string, number>} */
  const drops = {};
  /** @type {Record<string, number>} */
  let unreported = {};

  /** @param {Record<string, number>} into @param {string} reason @param {number} count */
  const add = (into, reason, count) => {
    into[reason] = (into[reason] || 0) + count;
  };
  /** @param {string} reason @param {number} count */
  const lose = (reason, count) => {
    if (count) add(unreported, reason, count);
  };

  return {
    counts,
    drops,
    lose,
    /** @param {string} reason @param {number} [count] */
    drop(reason, count = 1) {
      if (count) add(drops, reason, count);
      lose(reason, count);
    },
    /** Return the losses since the last report. @returns {Record<string, number> | undefined} */
    takeReport() {
      const report = unreported;
      unreported = {};
      return Object.keys(report).length ? report : undefined;
    },
    /** A report was lost with its batch. @param {Record<string, number>} [report] */
    giveBack(report = {}) {
      for (const reason in report) lose(reason, report[reason]);
    },
  };
}

/** @typedef {ReturnType<typeof createStats>} Stats */
