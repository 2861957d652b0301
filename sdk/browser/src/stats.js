/**
 * Counts what became of events: captured = sent + stored + queued + dropped + deduped + sampled.
 */
export function createStats() {
  const counts = {
    captured: 0,
    sent: 0,
    deduped: 0,
    sampled: 0,
    dropped: 0,
    retried: 0,
    redacted: 0,
    hook_failed: 0,
    recovered: 0,
    handed_over: 0,
  };
  /** @type {Record<string, number>} */
  const drops = {};
  /** @type {Record<string, number>} */
  let lost = {};

  /** @param {Record<string, number>} sums @param {string} reason @param {number} count */
  const add = (sums, reason, count) => {
    if (count) sums[reason] = (sums[reason] || 0) + count;
  };

  return {
    counts,
    drops,
    /** @param {string} reason @param {number} count @param {boolean} [isForeign] an earlier page's */
    drop(reason, count, isForeign) {
      if (!isForeign) {
        counts.dropped += count;
        add(drops, reason, count);
      }
      add(lost, reason, count);
    },
    /** Return the losses that no batch told of yet. */
    takeReport() {
      const report = lost;
      lost = {};
      return Object.keys(report).length ? report : undefined;
    },
    /** A report was lost with its batch. @param {Record<string, number>} [report] */
    giveBack(report = {}) {
      for (const reason in report) add(lost, reason, report[reason]);
    },
  };
}

/** @typedef {ReturnType<typeof createStats>} Stats */
