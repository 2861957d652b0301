/** @typedef {import("../types.js").World} World */

const TIMEOUT_MS = 1e4;
const LONGEST_WAIT_MS = 36e5;
/** Bytes that may be under way in requests that outlive the page; the browser's limit is 64 KiB. */
const KEEPALIVE_BYTES = 60 * 1024;
const GZIP_FROM_BYTES = 1024;

/**
 * @typedef {object} Answer
 * @property {number} status 0 where none came, -1 where none can be seen
 * @property {number} [waitMs] from `Retry-After`
 * @property {number} [rejected] count of the events that the gateway took out
 */

/**
 * Return the function that makes one attempt to send a body; its promise never rejects.
 *
 * @param {World} world
 * @param {import("../types.js").Settings} settings
 * @param {typeof fetch} fetch the page's own, without our instrumentation
 */
export function createPost(world, { endpoint, apiKey, keepalive, gzip }, fetch) {
  let flying = 0;
  const isSameOrigin = (() => {
    try {
      return new world.URL(endpoint, world.location.href).origin === world.location.origin;
    } catch {
      return false;
    }
  })();

  const openAddress = () => {
    const mark = endpoint.includes("?") ? "&" : "?";
    return `${endpoint}${mark}key=${encodeURIComponent(apiKey)}&sent_at=${world.Date.now()}`;
  };

  /** @param {string} body @param {number} bytes @param {boolean} leaving @param {AbortSignal} signal */
  const request = async (body, bytes, leaving, signal) => {
    /** @type {Record<string, string>} */
    const headers = {};
    // Another origin is asked without headers of ours, which would take a preflight first.
    headers["Content-Type"] = isSameOrigin ? "application/json" : "text/plain";
    if (isSameOrigin) {
      headers.Authorization = `Bearer ${apiKey}`;
      headers["X-Sent-At"] = `${world.Date.now()}`;
    }
    /** @type {BodyInit} */
    let content = body;
    // Never on the way out: compressing takes time that a page which ends does not have.
    if (gzip && !leaving && bytes > GZIP_FROM_BYTES && world.CompressionStream) {
      const stream = new world.Blob([body]).stream();
      content = await new world.Response(
        stream.pipeThrough(new world.CompressionStream("gzip")),
      ).arrayBuffer();
      headers["Content-Encoding"] = "gzip";
    }
    const outlives = keepalive && flying + bytes <= KEEPALIVE_BYTES;
    if (outlives) flying += bytes;
    try {
      const answer = await fetch(isSameOrigin ? endpoint : openAddress(), {
        method: "POST",
        body: content,
        headers,
        signal,
        keepalive: outlives,
        credentials: "same-origin",
      });
      // Until it is read the browser counts its bytes as under way.
      return { answer, text: await answer.text() };
    } finally {
      if (outlives) flying -= bytes;
    }
  };

  return {
    /** Whether a body still goes out when the page ends. @param {number} bytes */
    fits: (bytes) => keepalive && flying + bytes <= KEEPALIVE_BYTES,

    /**
     * Hand a body to the browser without ever hearing of it again.
     * @param {string} body
     */
    beacon(body) {
      try {
        world.navigator.sendBeacon(openAddress(), new world.Blob([body], { type: "text/plain" }));
      } catch {
        // it stays where it is
      }
    },

    /**
     * @param {string} body
     * @param {number} bytes
     * @param {boolean} leaving
     * @returns {Promise<Answer>}
     */
    async post(body, bytes, leaving) {
      const controller = new AbortController();
      const timer = world.setTimeout(() => controller.abort(), TIMEOUT_MS);
      try {
        const { answer, text } = await request(body, bytes, leaving, controller.signal);
        const { status } = answer;
        return {
          status,
          waitMs: waitOf(world, answer.headers.get("Retry-After")),
          rejected: rejectedIn(text),
        };
      } catch {
        return { status: 0 };
      } finally {
        world.clearTimeout(timer);
      }
    },
  };
}

/** @param {string} text */
function rejectedIn(text) {
  try {
    return JSON.parse(text).rejected.length;
  } catch {
    return 0;
  }
}

/** @param {World} world @param {string | null} header seconds or a date */
function waitOf(world, header) {
  if (!header) return;
  // Date.parse finds a date in nearly anything that ends with a number.
  const date = /^[A-Z][a-z]+, /.test(header) ? Date.parse(header) : NaN;
  const ms = /^\d+$/.test(header) ? +header * 1000 : date - world.Date.now();
  if (!isNaN(ms)) return Math.min(Math.max(ms, 0), LONGEST_WAIT_MS);
}
