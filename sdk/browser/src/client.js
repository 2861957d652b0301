import { ERROR, levelOf, readOptions } from "./options.js";
import { listen } from "./page/events.js";
import { createFetch, createTarget, instrumentFetch, instrumentXhr } from "./page/requests.js";
import { createSession } from "./page/session.js";
import { createDedupe } from "./record/dedupe.js";
import { describe, isError } from "./record/errors.js";
import { createEvents } from "./record/events.js";
import { hex } from "./record/ids.js";
import { createPlain, encode } from "./record/plain.js";
import { createRateGuard } from "./record/rate.js";
import { createStats } from "./stats.js";
import { createBatcher } from "./transport/batcher.js";
import { createOutbox } from "./transport/outbox.js";
import { createPost } from "./transport/post.js";
import { PREFIX, openLocalStorage } from "./transport/storage.js";
import { createTabs } from "./transport/tabs.js";

/** @typedef {import("./types.js").World} World */
/** @typedef {import("./types.js").Event} Event */
/** @typedef {import("./types.js").Context} Context */

/**
 * Join the parts to the log of a page.
 *
 * @param {Partial<import("./types.js").Options>} options
 * @param {World} world
 * @param {() => void} [onClose]
 */
export function createClient(options, world, onClose = () => {}) {
  const settings = readOptions(options);
  // Without a page, as on a server that renders it, nothing is captured.
  let isOpen = !!world.addEventListener && !!settings.endpoint;
  let isPaused = false;
  let isInside = false;
  /** @type {string | undefined} */
  let user;
  /** @type {Context} */
  const shared = {};
  /** @type {(() => void)[]} */
  const undo = [];
  const original = world.fetch;
  const stats = createStats();
  const { counts } = stats;
  const tab = hex(world, 16);
  const prefix = `${PREFIX}${settings.project}:`;
  const session = createSession(world);
  const events = createEvents(world, settings, stats);
  const isRoom = createRateGuard(world);

  /** @param {import("./types.js").Problem} problem */
  const tell = (problem) => {
    try {
      if (settings.onError) settings.onError(problem);
    } catch {
      // not ours to report
    }
  };

  /** What runs in here is our own doing and not logged. @template T @param {() => T} act */
  const inside = (act) => {
    isInside = true;
    try {
      return act();
    } finally {
      isInside = false;
    }
  };

  const storage =
    settings.storage === null ? undefined : settings.storage || openLocalStorage(world, prefix);
  const door = createPost(world, settings, (input, init) =>
    inside(() => original.call(world, input, init)),
  );
  const outbox = createOutbox({
    world,
    settings,
    stats,
    door,
    storage,
    prefix,
    tab,
    orphans: () => tabs.orphans(),
    tell,
  });
  const tabs = createTabs(world, settings.project, tab, () => outbox.pump());
  const batcher = createBatcher(world, settings, stats, outbox);
  const dedupe = createDedupe({
    world,
    windowMs: settings.dedupeMs,
    summarise: (event, count, last) => put(events.summary(event, count, last)),
  });

  /** @param {Event} event */
  const put = (event) => batcher.add(events.write(event), /^(ERR|CRI)/.test(event.level));

  /**
   * The way of an event: level, sample, fold, rate, redact, hook, batch.
   * @param {number} level
   * @param {(plain: ReturnType<typeof createPlain>) => [event: Event, key?: string]} read
   */
  const capture = (level, read) => {
    if (!isOpen || isInside) return;
    counts.captured++;
    let fate = "internal";
    inside(() => {
      try {
        if (isPaused) return (fate = "paused");
        if (Math.random() >= settings.sampleRate) {
          counts.sampled++;
          return (fate = "");
        }
        const plain = createPlain();
        const now = world.Date.now();
        const [content, key] = read(plain);
        const window = key ? dedupe.repeat(key, now) : undefined;
        if (window) {
          if (window.event && window.count > 1) counts.deduped++;
          return (fate = window.event ? "" : "before_send");
        }
        if (!isRoom(level >= ERROR)) return (fate = "rate_limited");
        if (plain.isCut()) content.extra_data._truncated = true;
        content.user_id = user;
        content.request_path = content.request_path || (world.location || {}).pathname;
        const event = events.make(level, now, content, {
          trace_id: session.trace(),
          session_id: session.id(),
        });
        if (key) dedupe.open(key, event);
        if (!event) return (fate = "before_send");
        put(event);
        fate = "";
      } catch {
        // counted: a log never throws into the page
      }
    });
    if (fate) stats.drop(fate);
  };

  /** @param {number} level @param {unknown} message @param {unknown} context @param {Context} [bound] @param {string} [type] */
  const write = (level, message, context, bound, type) => {
    if (level < settings.level) return;
    capture(level, ({ plain, text }) => {
      const thrown = type || isError(message) ? message : isError(context) ? context : undefined;
      const isThrown = type !== undefined || thrown !== undefined;
      const words =
        typeof message === "string" ? text(message) : isThrown ? "" : text(toText(plain(message)));
      const extra = {
        ...bound,
        ...shared,
        ...plainFields(thrown === context ? undefined : plain(context)),
      };
      const content = /** @type {Event} */ ({ kind: "log", extra_data: plain(extra) });
      let mark = words;
      if (isThrown) {
        content.kind = "exception";
        content.exception = describe(thrown, text, type);
        if (words && thrown !== message) content.extra_data.message = words;
        const { type: name, value, stacktrace } = content.exception;
        mark += [name, value, ...stacktrace.slice(0, 3).map(encode)];
      } else content.message = words;
      return [
        content,
        [level, mark, (world.location || {}).pathname, encode(content.extra_data)].join("\n"),
      ];
    });
  };

  /** @type {import("./page/requests.js").Requests} */
  const requests = {
    target: createTarget(world, settings),
    trace: session.trace,
    sample: ({ method, path, status, ms }) =>
      capture(0, ({ text }) => [
        {
          kind: "request",
          request_method: text(method, 32),
          request_path: text(path.replace(/\/(?:\d+|[0-9a-f-]{16,})(?=\/|$)/gi, "/{id}"), 1024),
          status_code: status || undefined,
          duration_ms: Math.max(0, Math.round(ms * 10) / 10),
          extra_data: {},
        },
      ]),
  };

  /** @param {boolean} gone */
  const leave = (gone) => {
    outbox.setLeaving(true);
    dedupe.flush();
    batcher.cut();
    outbox.leave();
    if (gone) tabs.leave();
    else world.setTimeout(() => outbox.setLeaving(false), 0);
  };

  if (isOpen) {
    undo.push(
      listen(world, settings.capture, {
        thrown: (error, type) => write(ERROR, error, undefined, {}, type || "Error"),
        printed: (level, [first, ...rest]) =>
          write(level, first, rest.length ? { args: rest } : undefined),
        leave,
        back(kept) {
          outbox.setLeaving(false);
          tabs.join();
          if (kept) outbox.back();
        },
        online: outbox.retry,
      }),
    );
    tabs.join();
  }

  /** @template {(...args: any[]) => any} F @param {F} act @param {ReturnType<F>} [otherwise] @returns {F} */
  const total = (act, otherwise) =>
    /** @type {F} */ (
      (...args) => {
        try {
          return act(...args);
        } catch {
          return otherwise;
        }
      }
    );
  /** @param {() => () => void} start */
  const undoable = (start) =>
    total(
      () => {
        const stop = start();
        undo.push(stop);
        return stop;
      },
      () => {},
    );

  const stored = () => {
    const { stored, queued } = outbox.counts();
    const dropped = Object.values(stats.drops).reduce((sum, count) => sum + count, 0);
    return {
      ...counts,
      stored,
      queued: queued + batcher.count() + dedupe.pending(),
      dropped,
      drops: { ...stats.drops },
    };
  };

  const tracedFetch = createFetch(world, original, requests);

  /** @param {Context} bound @returns {Log} */
  const logOf = (bound) => {
    /** @param {number} level */
    const at = (level) =>
      total((/** @type {unknown} */ message, /** @type {unknown} */ context) =>
        write(level, message, context, bound),
      );
    /** @type {Log} */
    const log = {
      debug: at(0),
      info: at(1),
      warn: at(2),
      error: at(3),
      fatal: at(4),
      captureException: total((error, options) => {
        const { level = "error", fingerprint, ctx } = options || {};
        write(levelOf(level), error, ctx, fingerprint ? { ...bound, fingerprint } : bound, "Error");
      }),
      setUser: total((/** @type {any} */ who) => {
        const id = who && typeof who === "object" ? who.id : who;
        user = id == null ? undefined : String(id).slice(0, 200);
        return log;
      }),
      setContext: total((/** @type {string} */ key, /** @type {unknown} */ value) => {
        if (value === undefined) delete shared[key];
        else shared[key] = createPlain().plain(value);
        return log;
      }),
      child: (/** @type {Context} */ context) =>
        logOf({ ...bound, ...plainFields(createPlain().plain(context)) }),
      traceId: session.trace,
      newTrace: session.newTrace,
      /** The trace id for an address that may get it. */
      traceFor: total((/** @type {unknown} */ url) =>
        requests.target(url) ? session.trace() : undefined,
      ),
      fetch: tracedFetch,
      instrumentFetch: undoable(() => instrumentFetch(world, requests)),
      instrumentXhr: undoable(() => instrumentXhr(world, requests)),
      async flush(timeoutMs = 5000) {
        dedupe.flush();
        batcher.cut();
        return outbox.flush(timeoutMs);
      },
      async close(timeoutMs = 5000) {
        const isDone = isPaused || (await log.flush(timeoutMs));
        isOpen = false;
        undo.forEach((one) => one());
        outbox.stop();
        tabs.leave();
        onClose();
        return isDone;
      },
      stats: stored,
      pause: total(() => {
        isPaused = true;
        outbox.hold(true);
        batcher.cut();
      }),
      resume: total(() => {
        isPaused = false;
        outbox.hold(false);
      }),
    };
    return log;
  };
  return logOf({});
}

/** @typedef {import("./types.js").Log} Log */

/** @param {any} value plain @returns {Context} */
const plainFields = (value) =>
  value == null ? {} : typeof value === "object" && !Array.isArray(value) ? value : { value };

/** @param {any} value plain */
const toText = (value) => (typeof value === "object" ? encode(value) : String(value));
