/** @typedef {import("../types.js").World} World */

const TRACE_HEADER = "X-Trace-Id";

/**
 * @typedef {object} Requests
 * @property {(url: any) => URL | false | undefined} target the address, where it gets our trace id
 * @property {() => string} trace
 * @property {(method: string, address: URL, began: number, status: number) => void} sample
 */

/**
 * Return the test of which addresses get the trace id: the page's own origin and those on the list,
 * nobody else. A foreign service would refuse a request with a header that it does not know.
 *
 * @param {World} world
 * @param {import("../types.js").Settings} settings
 * @returns {Requests["target"]}
 */
export function createTarget({ location }, { endpoint, propagateTo = [] }) {
  return (url) => {
    try {
      const address = new URL(url, location.href);
      const { href, origin } = address;
      const isOurs =
        origin === location.origin ||
        [propagateTo]
          .flat()
          .some((one) => (typeof one === "string" ? href.startsWith(one) : one.test(href)));
      if (isOurs && !href.startsWith(new URL(endpoint, location.href).href)) return address;
    } catch {
      // no address
    }
  };
}

/**
 * Put another function in place of a method; return what takes it back. Where somebody wrapped ours
 * meanwhile it stays.
 *
 * @param {any} object
 * @param {string} name
 * @param {(original: (...given: any[]) => any) => (...given: any[]) => any} wrap
 * @returns {() => void}
 */
export function patch(object, name, wrap) {
  const original = object[name];
  const ours = (object[name] = wrap(original));
  return () => {
    if (object[name] === ours) object[name] = original;
  };
}

/**
 * Return a fetch that sends the trace id along and measures the time to the answer's head. To the
 * caller it is the original: same arguments but for the header, same promise, same errors.
 *
 * @param {World} world
 * @param {Requests} requests
 * @param {typeof fetch} original
 * @returns {typeof fetch}
 */
export function createFetch(world, { target, trace, sample }, original) {
  return (/** @type {any[]} */ ...given) => {
    let answer;
    try {
      const [input, init = {}] = given;
      const request = input instanceof world.Request ? input : /** @type {any} */ ({});
      const address = given.length && target(request.url || input);
      if (address) {
        const headers = new Headers(init.headers || request.headers);
        if (!headers.has(TRACE_HEADER)) headers.set(TRACE_HEADER, trace());
        // Not a new Request, which would take the body out of the caller's; and not a copy, which
        // would miss what a Request given as `init` has on its prototype.
        const traced = new Proxy(init, {
          get: (_, name) => (name === "headers" ? headers : init[name]),
        });
        const began = world.performance.now();
        answer = original.call(world, input, traced);
        const done = ({ status = 0 }) =>
          sample(init.method || request.method || "GET", address, began, status);
        answer.then(done, done);
      }
    } catch {
      // ours to blame: the caller's request goes out as it was
    }
    return answer || original.apply(world, /** @type {any} */ (given));
  };
}

/** Patch XMLHttpRequest; return what takes it back. @param {World} world @param {Requests} requests */
export function patchXhr(world, { target, trace, sample }) {
  /** @type {WeakMap<object, any>} */
  const seen = new WeakMap();
  /** @type {Record<string, (this: any, ...given: any[]) => void>} */
  const before = {
    open(method, url) {
      seen.set(this, { method, address: target(url) });
    },
    setRequestHeader(name) {
      if (/^x-trace-id$/i.test(name)) seen.get(this).hasTrace = true;
    },
    send() {
      const { method, address, hasTrace } = seen.get(this);
      if (!address) return;
      const began = world.performance.now();
      this.addEventListener("loadend", () => sample(method, address, began, this.status));
      if (!hasTrace) this.setRequestHeader(TRACE_HEADER, trace());
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
}
