/** @typedef {import("../types.js").World} World */

const TIMEOUT_MS = 1e4;
const LONGEST_WAIT_MS = 36e5;
/** Bytes that may be under way in requests that outlive the page; the browser's limit is 64 KiB. */
const KEEPALIVE_BYTES = 60 * 1024;

/**
 * @typedef {object} Answer
 * @property {number} status 0 where none came
 * @property {number} [waitMs] from `Retry-After`; 0 or NaN where it says none
 * @property {number} [rejected] count of the events that the gateway took out
 */

/**
 * @param {World} world
 * @param {import("../types.js").Settings} settings
 * @param {typeof fetch} fetch the page's own, without our instrumentation
 */
export function createPost(world, settings, fetch) {
  let flying = 0;

  // Key and time of sending stand in the address: with headers of ours another origin would be
  // asked for its permission first, and on the way out there is no time for that.
  const address = () =>
    settings.endpoint.replace(
      /[?]|$/,
      `?key=${encodeURIComponent(settings.apiKey)}&sent_at=${world.Date.now()}&`,
    );

  /** Whether a body still goes out when the page ends. @param {number} bytes */
  const fits = (bytes) => settings.keepalive !== false && flying + bytes <= KEEPALIVE_BYTES;

  return {
    fits,

    /** Hand a body to the browser without ever hearing of it again. @param {string} body */
    beacon: (body) => world.navigator.sendBeacon(address(), body),

    /**
     * Make one attempt; the promise never rejects.
     * @param {string} body
     * @param {number} bytes
     * @param {boolean} [leaving]
     * @returns {Promise<Answer>}
     */
    async post(body, bytes, leaving) {
      const controller = new AbortController();
      const timer = world.setTimeout(() => controller.abort(), TIMEOUT_MS);
      const outlives = fits(bytes);
      const held = outlives ? bytes : 0;
      flying += held;
      try {
        // Never on the way out: compressing takes time that a page which ends does not have.
        const packed =
          settings.gzip &&
          !leaving &&
          (await Promise.resolve(body)
            .then(settings.gzip)
            .catch(() => {}));
        const content = packed || body;
        const response = await fetch(address(), {
          method: "POST",
          body: content,
          headers: {
            "Content-Type": "text/plain",
            ...(content !== body && { "Content-Encoding": "gzip" }),
          },
          signal: controller.signal,
          keepalive: outlives,
        });
        const { status, headers } = response;
        // Until it is read the browser counts an answer's bytes as under way.
        const text = await response.text();
        let rejected = 0;
        try {
          rejected = JSON.parse(text).rejected.length;
        } catch {
          // none of ours
        }
        const wait = headers.get("Retry-After") || "";
        // Date.parse finds a date in nearly anything that ends with a number.
        const ms = +wait * 1000 || (/^\w+, /.test(wait) ? Date.parse(wait) - world.Date.now() : 0);
        return { status, rejected, waitMs: Math.max(0, Math.min(ms, LONGEST_WAIT_MS)) };
      } catch {
        return { status: 0 };
      } finally {
        flying -= held;
        world.clearTimeout(timer);
      }
    },
  };
}
