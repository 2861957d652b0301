/**
 * What the page prints, and what its content security policy keeps it from. An entry of its own: a
 * page that does not ask for it does not load it.
 */
import { patch } from "./page/patch.js";

/**
 * @typedef {object} Captures the part of the log that this needs; it takes nothing that we caused
 * @property {string} endpoint
 * @property {(message: unknown, context?: unknown) => void} warn
 * @property {(message: unknown, context?: unknown) => void} error
 * @property {(end: () => void) => void} onClose
 *
 * @typedef {import("./types.js").World} World
 */

const VIOLATION = "securitypolicyviolation";

/**
 * Log what the page prints by `console.warn` and `console.error`, which print as before; return
 * what ends it.
 *
 * @param {Captures} log
 * @param {World} [world]
 */
export const captureConsole = (log, { console } = globalThis) =>
  capture(log, "console", (isOn) =>
    /** @type {const} */ (["warn", "error"]).map((name) =>
      patch(console, name, (original) => (...values) => {
        original.apply(console, values);
        const [first, ...args] = values;
        if (isOn()) log[name](first, args.length ? { args } : null);
      }),
    ),
  );

/**
 * Log as warnings what the page's content security policy blocks; return what ends it.
 *
 * @param {Captures} log
 * @param {World} [world]
 */
export const captureViolations = (log, world = globalThis) =>
  capture(log, VIOLATION, () => {
    const { origin, pathname } = new URL(log.endpoint, world.location.href);
    /** @param {SecurityPolicyViolationEvent} event */
    const act = ({ effectiveDirective, blockedURI }) => {
      // What the policy keeps from us would be one more for each attempt to tell of it.
      if (!blockedURI.startsWith(origin + pathname))
        log.warn(`CSP ${effectiveDirective}: ${blockedURI}`);
    };
    world.addEventListener(VIOLATION, act);
    return [() => world.removeEventListener(VIOLATION, act)];
  });

/**
 * Begin once for a log, also where a second copy of this script has the same log.
 *
 * @param {any} log @param {string} name @param {(isOn: () => boolean) => (() => void)[]} start
 * @returns {() => void}
 */
function capture(log, name, start) {
  let isOn = true; // where somebody wrapped ours it stays, and does nothing
  /** @type {(() => void)[]} */
  let ends = [];
  const mark = Symbol.for(`headwater.${name}`);
  const undo = () => {
    isOn = false;
    if (log?.[mark] === undo) delete log[mark];
    ends.forEach((end) => end());
  };
  try {
    if (log[mark]) return log[mark];
    log.onClose(undo);
    ends = start(() => isOn);
    log[mark] = undo;
  } catch {
    // there is no such thing here, or that is no log
  }
  return undo;
}
