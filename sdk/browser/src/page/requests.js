/** @typedef {import("../types.js").World} World */

const TRACE_HEADER = "X-Trace-Id";

/**
 * @typedef {object} Requests
 * @property {(url: unknown) => URL | undefined} target the address, where it gets our trace id
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
      const address = new URL(String(url), location.href);
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
 * Return a fetch that sends the trace id along and measures the time to the answer's head. To the
 * caller it is the original: same arguments but for the header, same promise, same errors.
 *
 * @param {World} world
 * @param {typeof fetch} original
 * @param {Requests} requests
 * @returns {typeof fetch}
 */
export function createFetch(world, original, { target, trace, sample }) {
  return (/** @type {any[]} */ ...given) => {
    let answer;
    try {
      const [input, init = {}] = given;
      const isRequest = world.Request && input instanceof world.Request;
      const address = given.length && target(isRequest ? input.url : input);
      if (address) {
        const headers = new Headers(init.headers || (isRequest ? input.headers : undefined));
        if (!headers.has(TRACE_HEADER)) headers.set(TRACE_HEADER, trace());
        // Not a new Request, which would take the body out of the caller's; and not a copy, which
        // would miss what a Request given as `init` has on its prototype.
        const traced = new Proxy(init, {
          get: (_, name) => (name === "headers" ? headers : init[name]),
        });
        const method = init.method || (isRequest && input.method) || "GET";
        const began = world.performance.now();
        answer = original.call(world, input, traced);
        const done = ({ status = 0 }) => sample(method, address, began, status);
        answer.then(done, done);
      }
    } catch {
      // ours to blame: the caller's request goes out as it was
    }
    return answer || original.apply(world, /** @type {any} */ (given));
  };
}

/** @param {World} world @param {Requests} requests @returns {() => void} what takes it back */
export function instrumentFetch(world, requests) {
  const original = world.fetch;
  let current = createFetch(world, original, requests);
  /** @type {typeof fetch} */
  const ours = (...given) => current.apply(world, given);
  world.fetch = ours;
  return () => {
    // Where somebody wrapped ours it stays, and does nothing.
    current = original;
    if (world.fetch === ours) world.fetch = original;
  };
}

/** @param {World} world @param {Requests} requests @returns {() => void} what takes it back */
export function instrumentXhr(world, { target, trace, sample }) {
  const proto = /** @type {any} */ (world.XMLHttpRequest.prototype);
  let isOn = true;
  /** @type {WeakMap<object, { method?: string, address?: URL, hasTrace?: boolean }>} */
  const seen = new WeakMap();
  /** @type {Record<string, (this: any, ...given: any[]) => void>} */
  const before = {
    open(method, url) {
      seen.set(this, { method, address: isOn ? target(url) : undefined });
    },
    setRequestHeader(name) {
      if (/^x-trace-id$/i.test(name)) seen.set(this, { ...seen.get(this), hasTrace: true });
    },
    send() {
      const { method = "", address, hasTrace } = seen.get(this) || {};
      if (!address) return;
      const began = world.performance.now();
      this.addEventListener("loadend", () => sample(method, address, began, this.status));
      if (!hasTrace) this.setRequestHeader(TRACE_HEADER, trace());
    },
  };
  const undo = Object.keys(before).map((name) => {
    const original = proto[name];
    /** @this {any} @param {any[]} given */
    const ours = function (...given) {
      try {
        before[name].apply(this, given);
      } catch {
        // ours to blame: the caller's request goes out as it was
      }
      return original.apply(this, given);
    };
    proto[name] = ours;
    return () => {
      if (proto[name] === ours) proto[name] = original;
    };
  });
  return () => {
    isOn = false;
    undo.forEach((one) => one());
  };
}
