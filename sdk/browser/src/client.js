import { createGuard } from "./guard.js";
import { ERROR, levelOf, readOptions } from "./options.js";
import { listen } from "./page/events.js";
import { createSession } from "./page/session.js";
import { createTarget } from "./page/target.js";
import { fieldsOf, readLog, readRequest } from "./record/contents.js";
import { createDedupe } from "./record/dedupe.js";
import { toText } from "./record/errors.js";
import { createEvents } from "./record/events.js";
import { DEPTH, createPlain } from "./record/plain.js";
import { createRateGuard } from "./record/rate.js";
import { createStats } from "./stats.js";
import { createBatcher } from "./transport/batcher.js";
import { createOutbox } from "./transport/outbox.js";

/** @typedef {import("./types.js").Event} Event */
/** @typedef {import("./types.js").Context} Context */
/** @typedef {import("./types.js").Log} Log */

/**
 * Join the parts to the log of a page.
 *
 * @param {Partial<import("./types.js").Options>} options
 * @param {import("./types.js").World} world
 * @param {() => void} [onClose]
 * @returns {Log}
 */
export function createClient(options, world, onClose) {
  const settings = readOptions(options);
  let isOpen = !!(world.document && settings.endpoint); // on a server that renders the page nothing happens
  let isPaused = false;
  let leaving = 0; // 1 while the page hides, 2 once what it had is on its way
  /** @type {string | undefined} */
  let user_id;
  /** @type {Context} */
  const shared = {};
  /** @type {(() => void)[]} */
  const undo = [];
  const { fetch } = world; // the page's own: what others make of it later is not for us
  const { inside, isInside } = createGuard();
  const stats = createStats();
  const { counts } = stats;
  const session = createSession(world);
  const isRoom = createRateGuard(world);
  const { make, summary, warm, write } = createEvents(settings, stats);

  const outbox = createOutbox(
    world,
    settings,
    stats,
    async (input, init) =>
      /** @type {Response} */ (await inside(() => fetch.call(world, input, init))),
    (reason, status, events) => inside(() => settings.onError?.({ reason, status, events })),
  );
  const batcher = createBatcher(world, settings, stats, {
    save: outbox.save,
    add(batch) {
      outbox.add(batch);
      if (leaving) outbox.hurry();
    },
  });
  /** @param {Event} event */
  const put = (event) => {
    batcher.add(write(event), /^[EC]/.test(event.level));
    if (leaving > 1) batcher.cut();
  };
  const dedupe = createDedupe(world, settings.dedupeMs, (event, count, last) =>
    put(summary(event, count, last)),
  );

  /**
   * The way of an event: sample, fold, rate, redact, hook, batch.
   * @param {number} level
   * @param {import("./record/contents.js").Read} read
   */
  const capture = (level, read) => {
    if (!isOpen || isInside()) return;
    counts.captured++;
    /** Where it got lost. */
    const fate = inside(() => {
      if (isPaused) return "paused";
      if (Math.random() >= settings.sampleRate) {
        counts.sampled++;
        return "";
      }
      const plain = createPlain();
      const now = world.Date.now();
      const [content, mark] = read(plain);
      const key = mark && level + mark;
      const repeats = key && dedupe.repeat(key, now);
      if (repeats) {
        if (!repeats.event) return "before_send";
        if (repeats.amount > 1) counts.deduped++;
        return "";
      }
      if (!isRoom(level >= ERROR)) return "rate_limited";
      if (plain.isCut()) content.extra_data._truncated = true;
      const event = make(level, now, { ...content, user_id }, session());
      if (key) dedupe.begin(key, event);
      if (!event) return "before_send";
      put(event);
      return "";
    });
    if (fate !== "") stats.drop(fate ?? "internal", 1);
  };

  /** @param {number} level @param {unknown} message @param {unknown} context @param {Context} [bound] @param {string} [type] */
  const log = (level, message, context, bound, type) =>
    level < settings.level ||
    capture(
      level,
      readLog(world.location?.pathname, message, context, { ...bound, ...shared }, type),
    );

  const isTarget = createTarget(world, settings);

  const cut = () => {
    dedupe.tellAll();
    batcher.cut();
  };

  if (isOpen) {
    outbox.enter();
    world.requestIdleCallback?.(warm);
    /** @param {string} type @param {(event: any) => void} act @param {any} [target] */
    const on = (type, act, target = world) => {
      target.addEventListener(type, act);
      undo.push(() => target.removeEventListener(type, act));
    };
    listen(settings.capture || {}, on, (error, type = "Error") =>
      log(ERROR, error, null, {}, type),
    );
    const leave = () => {
      leaving = 1;
      cut();
      outbox.hurry();
      leaving = 2;
    };
    // Not `unload` and `beforeunload`: they keep pages out of the back/forward cache, and users stay.
    on("pagehide", () => {
      leave();
      outbox.leave();
    });
    on("pageshow", ({ persisted }) => {
      leaving = 0;
      outbox.enter();
      if (persisted) outbox.back();
    });
    on("online", outbox.retry);
    const { document } = world;
    on(
      "visibilitychange",
      () => {
        if (document.visibilityState !== "hidden") return;
        leave();
        world.setTimeout(() => (leaving = 0));
      },
      document,
    );
  }

  /** @param {unknown} value */
  const plainOf = (value) => createPlain(DEPTH + 1).plain(value);

  /** @param {Context} bound @returns {Log} */
  const logOf = (bound) => {
    /** @param {number} level @returns {import("./types.js").Write} */
    const write = (level) => (message, context) => void log(level, message, context, bound);
    /** @type {Log} */
    const api = {
      endpoint: settings.endpoint,
      debug: write(0),
      info: write(1),
      warn: write(2),
      error: write(3),
      fatal: write(4),
      captureException(error, options) {
        const { level, fingerprint, ctx } = fieldsOf(plainOf(options));
        log(level ? levelOf(level) : ERROR, error, ctx, { ...bound, fingerprint }, "Error");
      },
      setUser(who) {
        const user = plainOf(who);
        const id = user?.id ?? user;
        user_id = id === null ? id : toText(id).slice(0, 200);
        return api;
      },
      setContext(key, value) {
        inside(() => {
          shared[key] = value === undefined ? value : plainOf(value);
        });
        return api;
      },
      child: (context) => logOf({ ...bound, ...fieldsOf(plainOf(context)) }),
      traceId: () => session().trace_id,
      newTrace: () => session(true).trace_id,
      traceFor: (url) => (isTarget(url) ? session().trace_id : undefined),
      request: (method, path, status, ms) => capture(0, readRequest(method, path, status, ms)),
      onClose: (end) => void undo.push(end),
      flush: async (timeoutMs) => (
        cut(),
        outbox.drain(typeof timeoutMs === "number" ? timeoutMs : 5e3)
      ),
      async close(timeoutMs) {
        const isDone = isPaused || (await api.flush(timeoutMs));
        isOpen = false;
        undo.forEach(inside);
        cut();
        outbox.stop();
        onClose?.();
        return isDone;
      },
      stats: () => ({
        ...counts,
        stored: outbox.waiting(true),
        queued: outbox.waiting(false) + batcher.waiting() + dedupe.pending(),
        drops: { ...stats.drops },
      }),
      pause() {
        isPaused = true;
        outbox.hold(true);
        batcher.cut();
      },
      resume() {
        isPaused = false;
        outbox.hold(false);
      },
    };
    return api;
  };
  return logOf({});
}
