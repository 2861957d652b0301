/** @typedef {import("../types.js").World} World */

export const TRACE_HEADER = "X-Trace-Id";

/**
 * @typedef {object} Requests
 * @property {(url: unknown) => URL | undefined} target the address, where it gets our trace id
 * @property {() => string} trace
 * @property {(sample: { method: string, path: string, status: number, ms: number }) => void} sample
 */

/**
 * Return the test of which addresses get the trace id: the page's own origin and those on the list,
 * nobody else. A foreign service would refuse a request with a header that it does not know.
 *
 * @param {World} world
 * @param {import("../types.js").Settings} settings
 * @returns {Requests["target"]}
 */
export function createTarget(world, { endpoint, propagateTo }) {
  return (url) => {
    try {
      const address = new world.URL(String(url), world.location.href);
      const { href } = address;
      if (href.startsWith(new world.URL(endpoint, world.location.href).href)) return;
      const isListed = propagateTo.some((one) =>
        typeof one === "string" ? href.startsWith(one) : href.search(one) >= 0,
      );
      if (address.origin === world.location.origin || isListed) return address;
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
  return function (/** @type {any} */ input, /** @type {any} */ init) {
    let answer;
    try {
      const isRequest = world.Request && input instanceof world.Request;
      const address = target(isRequest ? input.url : input);
      if (address) {
        const headers = new world.Headers(
          (init && init.headers) || (isRequest ? input.headers : undefined),
        );
        if (!headers.has(TRACE_HEADER)) headers.set(TRACE_HEADER, trace());
        const method = String(
          (init && init.method) || (isRequest && input.method) || "GET",
        ).toUpperCase();
        const began = world.performance.now();
        // Not a new Request: that would take the body out of the caller's.
        answer = original.call(world, input, { ...init, headers });
        const measure = (/** @type {number} */ status) =>
          sample({ method, path: address.pathname, status, ms: world.performance.now() - began });
        answer.then(
          ({ status }) => measure(status),
          () => measure(0),
        );
      }
    } catch {
      // ours to blame: the caller's request goes out as it was
    }
    return answer || original.call(world, input, init);
  };
}

/** @param {World} world @param {Requests} requests @returns {() => void} what takes it back */
export function instrumentFetch(world, requests) {
  const original = world.fetch;
  let isOn = true;
  const traced = createFetch(world, original, requests);
  /** @type {typeof fetch} */
  const ours = (input, init) => (isOn ? traced : original).call(world, input, init);
  world.fetch = ours;
  return () => {
    isOn = false;
    if (world.fetch === ours) world.fetch = original;
  };
}

/** @param {World} world @param {Requests} requests @returns {() => void} what takes it back */
export function instrumentXhr(world, { target, trace, sample }) {
  const proto = /** @type {any} */ (world.XMLHttpRequest.prototype);
  const { open, send, setRequestHeader } = proto;
  /** @type {WeakMap<object, { method: string, address?: URL, hasTrace?: boolean }>} */
  const seen = new WeakMap();
  const ours = {
    /** @this {any} @param {any[]} rest */
    open(/** @type {any} */ method, /** @type {any} */ url, ...rest) {
      seen.set(this, { method: String(method).toUpperCase(), address: target(url) });
      return open.call(this, method, url, ...rest);
    },
    /** @this {any} */
    setRequestHeader(/** @type {any} */ name, /** @type {any} */ value) {
      const request = seen.get(this);
      if (request && String(name).toLowerCase() === TRACE_HEADER.toLowerCase())
        request.hasTrace = true;
      return setRequestHeader.call(this, name, value);
    },
    /** @this {any} */
    send(/** @type {any} */ body) {
      const { method, address, hasTrace } = seen.get(this) || { method: "" };
      if (address)
        try {
          if (!hasTrace) setRequestHeader.call(this, TRACE_HEADER, trace());
          const began = world.performance.now();
          this.addEventListener("loadend", () =>
            sample({
              method,
              path: address.pathname,
              status: this.status,
              ms: world.performance.now() - began,
            }),
          );
        } catch {
          // ours to blame: the caller's request goes out as it was
        }
      return send.call(this, body);
    },
  };
  Object.assign(proto, ours);
  return () => {
    if (proto.open === ours.open) proto.open = open;
    if (proto.send === ours.send) proto.send = send;
    if (proto.setRequestHeader === ours.setRequestHeader) proto.setRequestHeader = setRequestHeader;
    // Where somebody wrapped ours it stays, and finds no address.
    target = () => undefined;
  };
}
