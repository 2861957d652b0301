/**
 * The trace id on requests by fetch and XMLHttpRequest, and how long they take. An entry of its
 * own: a page that does not ask for it does not load it.
 */
import { patch } from "./page/patch.js";

/**
 * @typedef {object} Requests the part of the log that this needs
 * @property {(url: any) => string | undefined} traceFor
 * @property {(method: string, path: string, status: number, ms: number) => void} request
 * @property {(end: () => void) => void} onClose
 *
 * @typedef {import("./types.js").World} World
 */

const TRACE_HEADER = "X-Trace-Id";
const NUMBERS_AND_IDS = /\/(\d+|[\da-f-]{16,})(?=\/|$)/gi;

/**
 * Return the path of an address as many requests share it, ids in it as `{id}`.
 *
 * @param {any} url
 * @param {World} [world]
 */
export const pathOf = (url, { location } = globalThis) =>
  new URL(url, location.href).pathname.replace(NUMBERS_AND_IDS, "/{id}");

/**
 * Return a fetch that sends the trace id along and measures the time to the answer's head. To the
 * caller it is the page's: same arguments but for the header, same promise, same errors.
 *
 * @param {Requests} log
 * @param {World} [world]
 * @param {typeof fetch} [original]
 * @returns {typeof fetch}
 */
export function createFetch(log, world = globalThis, original = world.fetch) {
  return (/** @type {any[]} */ ...given) => {
    let answer;
    try {
      const [input, init = {}] = given;
      const request = input instanceof world.Request ? input : /** @type {any} */ ({});
      const url = request.url || input;
      const trace = given.length && log.traceFor(url);
      if (trace) {
        const headers = new Headers(init.headers || request.headers);
        if (!headers.has(TRACE_HEADER)) headers.set(TRACE_HEADER, trace);
        // Not a new Request, which would take the body out of the caller's; and not a copy, which
        // would miss what a Request given as `init` has on its prototype.
        const traced = new Proxy(init, {
          get: (_, name) => (name === "headers" ? headers : init[name]),
        });
        const method = init.method || request.method || "GET";
        const path = pathOf(url, world);
        const began = world.performance.now();
        answer = original.call(world, input, traced);
        const done = ({ status = 0 }) =>
          log.request(method, path, status, world.performance.now() - began);
        answer.then(done, done);
      }
    } catch {
      // ours to blame: the caller's request goes out as it was
    }
    return answer || original.apply(world, /** @type {any} */ (given));
  };
}

/**
 * Put that fetch in place of the page's; return what takes it back.
 *
 * @param {Requests} log
 * @param {World} [world]
 */
export const instrumentFetch = (log, world = globalThis) =>
  instrument(log, (own) => [
    patch(world, "fetch", (original) => createFetch(own, world, /** @type {any} */ (original))),
  ]);

/**
 * The same for XMLHttpRequest.
 *
 * @param {Requests} log
 * @param {World} [world]
 */
export const instrumentXhr = (log, world = globalThis) =>
  instrument(log, ({ traceFor, request }) => {
    /** @type {WeakMap<object, any>} */
    const seen = new WeakMap();
    /** @type {Record<string, (this: any, ...given: any[]) => void>} */
    const before = {
      open(method, url) {
        seen.set(this, { method, url, trace: traceFor(url) });
      },
      setRequestHeader(name) {
        if (/^x-trace-id$/i.test(name)) seen.get(this).hasTrace = true;
      },
      send() {
        const { method, url, trace, hasTrace } = seen.get(this);
        if (!trace) return;
        const path = pathOf(url, world);
        const began = world.performance.now();
        this.addEventListener("loadend", () =>
          request(method, path, this.status, world.performance.now() - began),
        );
        if (!hasTrace) this.setRequestHeader(TRACE_HEADER, trace);
      },
    };
    return Object.keys(before).map((name) =>
      patch(
        world.XMLHttpRequest.prototype,
        name,
        (original) =>
          /** @this {any} @param {any[]} given */
          function (...given) {
            try {
              before[name].apply(this, given);
            } catch {
              // ours to blame: the caller's request goes out as it was
            }
            return original.apply(this, given);
          },
      ),
    );
  });

/** @param {Requests} log @param {(own: Requests) => (() => void)[]} start @returns {() => void} */
function instrument(log, start) {
  let isOn = true; // where somebody wrapped ours it stays, and does nothing
  /** @type {(() => void)[]} */
  let patches = [];
  const undo = () => {
    isOn = false;
    patches.forEach((one) => one());
  };
  try {
    log.onClose(undo);
    patches = start({ ...log, traceFor: (url) => (isOn ? log.traceFor(url) : undefined) });
  } catch {
    // there is no such thing here, or that is no log
  }
  return undo;
}
