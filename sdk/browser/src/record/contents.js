import { describe, isError, markOf, toText } from "./errors.js";

/** @typedef {import("../types.js").Event} Event */
/** @typedef {import("../types.js").Context} Context */
/** @typedef {import("./plain.js").Plain} Plain */
/** @typedef {(plain: Plain) => [finish: () => Event, key?: string]} Read what makes the event, once it is known that it repeats no other by its key */

const NUMBERS_AND_IDS = /\/(\d+|[\da-f-]{16,})(?=\/|$)/gi;

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
  const thrown = isThrown ? message : context;
  const extra_data = { ...more, ...fieldsOf(isCause ? null : plain(context)) };
  const mark = isThrown || isCause ? markOf(thrown) : "";
  return [
    () =>
      mark
        ? {
            kind: "exception",
            request_path,
            exception: describe(thrown, safe, type),
            extra_data: words ? { ...extra_data, message: words } : extra_data,
          }
        : { kind: "log", request_path, message: words, extra_data },
    [words, mark, request_path, toText(extra_data)].join("\n"),
  ];
};

/**
 * Read how long a request of the page took; ids in its path become `{id}`.
 *
 * @param {Location} location
 * @param {string} method @param {any} url @param {number} status_code @param {number} ms
 * @returns {Read}
 */
export const readRequest =
  ({ href }, method, url, status_code, ms) =>
  ({ textOf }) => [
    () => ({
      kind: "request",
      request_method: textOf(method, 32).toUpperCase(),
      request_path: textOf(new URL(url, href).pathname.replace(NUMBERS_AND_IDS, "/{id}"), 1024),
      status_code,
      duration_ms: Math.max(0, Math.round(ms * 10) / 10),
      extra_data: {},
    }),
  ];

/** @param {any} value plain @returns {Context} */
export const fieldsOf = (value) =>
  value == null ? {} : typeof value === "object" && !Array.isArray(value) ? value : { value };
