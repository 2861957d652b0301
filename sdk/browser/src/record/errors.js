import { createPlain, encode, get } from "./plain.js";

const FRAMES = 50;
const CAUSES = 5;

/**
 * @typedef {object} Thrown what was thrown, as the ingest contract writes it
 * @property {string} type
 * @property {string} value
 * @property {Record<string, unknown>[]} stacktrace innermost first
 * @property {Omit<Thrown, "cause">[]} [cause]
 */

/**
 * Describe anything that can be thrown; never throws itself.
 *
 * @param {unknown} thrown
 * @param {import("./plain.js").Plain} plain
 * @param {string} [type] of what is no Error
 * @returns {Thrown}
 */
export function describe(thrown, { plain, text }, type = "Error") {
  const chain = [thrown];
  const all = [];
  for (const one of chain) {
    if (all.length > CAUSES) break;
    const stack = plain(get(one, "stack"));
    const message = plain(get(one, "message"));
    all.push({
      type: text(plain(get(one, "name")) || type, 256),
      value: message || stack ? text(message || "") : toText(plain(one)),
      stacktrace: readStack(`${stack}`).map((frame) => ({ ...frame, file: text(frame.file, 512) })),
    });
    // Its cause, and the errors that it sums up.
    const errors = get(one, "errors");
    for (const next of [
      get(one, "cause"),
      ...(Array.isArray(errors) ? errors.slice(0, CAUSES) : []),
    ])
      if (next != null && !chain.includes(next)) chain.push(next);
  }
  const [first, ...cause] = all;
  return cause.length ? { ...first, cause } : first;
}

/** @param {any} value plain @returns {string} */
export const toText = (value) => (typeof value === "string" ? value : encode(value));

/**
 * What tells one thrown thing from another: type, message and the three innermost frames.
 *
 * @param {unknown} thrown
 */
export function markOf(thrown) {
  const { plain } = createPlain();
  const [name, message, stack] = ["name", "message", "stack"].map((field) =>
    plain(get(thrown, field)),
  );
  return encode([name, stack ? message : plain(thrown), readStack(`${stack}`, 3)]);
}

/**
 * @param {string} stack of Chromium (`at f (file:1:2)`), Firefox and Safari (`f@file:1:2`)
 * @param {number} [most]
 */
export function readStack(stack, most = FRAMES) {
  const frames = [];
  for (const line of stack.split("\n")) {
    if (frames.length >= most) break;
    const found = /^\s*(?:at )?(?:(.{0,256}?)(?: \(|@))?([^\s()@]{1,1024}):(\d+):(\d+)\)?$/.exec(
      line,
    );
    if (found)
      frames.push({
        function: found[1] || "?",
        file: found[2],
        line: +found[3],
        column: +found[4],
      });
  }
  return frames;
}

/** @param {unknown} value also of another frame, whose Error is another */
export const isError = (value) =>
  typeof value === "object" && typeof get(value, "stack") === "string";
