import { describe, isError, toText } from "./errors.js";
import { encode } from "./plain.js";

/** @typedef {import("../types.js").Event} Event */
/** @typedef {import("../types.js").Context} Context */
/** @typedef {import("./plain.js").Plain} Plain */
/** @typedef {(plain: Plain) => [event: Event, key?: string]} Read what makes the event; it repeats another of the same key */

/**
 * Read what the page logged or threw.
 *
 * @param {string | undefined} request_path
 * @param {unknown} message
 * @param {unknown} context
 * @param {Context} more context
 * @param {string} [type] it was thrown, and this is its type if it is no Error
 * @returns {Read}
 */
export const readLog = (request_path, message, context, more, type) => (safe) => {
  const { plain, textOf } = safe;
  const isThrown = type || isError(message);
  const isCause = !isThrown && isError(context);
  const words = isThrown ? "" : textOf(toText(plain(message)));
  const extra_data = { ...more, ...fieldsOf(isCause ? null : plain(context)) };
  /** @type {Event} */
  let event = { kind: "log", request_path, message: words, extra_data };
  /** @type {unknown} */
  let mark = words;
  if (isThrown || isCause) {
    const exception = describe(isThrown ? message : context, safe, type);
    mark = [exception.type, exception.value, exception.stacktrace.slice(0, 3)];
    if (words) extra_data.message = words;
    event = { kind: "exception", request_path, exception, extra_data };
  }
  return [event, encode([mark, request_path, extra_data])];
};

/**
 * Read how long a request of the page took.
 *
 * @param {string} method @param {string} path @param {number} status_code @param {number} ms
 * @returns {Read}
 */
export const readRequest =
  (method, path, status_code, ms) =>
  ({ textOf }) => [
    {
      kind: "request",
      request_method: textOf(method, 32).toUpperCase(),
      request_path: textOf(path, 1024),
      status_code,
      duration_ms: Math.max(0, Math.round(ms * 10) / 10),
      extra_data: {},
    },
  ];

/** @param {any} value plain @returns {Context} */
export const fieldsOf = (value) =>
  value == null ? {} : typeof value === "object" && !Array.isArray(value) ? value : { value };
