import { encode, get } from "./plain.js";

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
export function describe(thrown, { plain, textOf }, type = "Error") {
  const chain = [thrown];
  const all = [];
  for (const one of chain) {
    if (all.length > CAUSES) break;
    const [name, message, stack] = ["name", "message", "stack"].map((field) =>
      plain(get(one, field)),
    );
    all.push({
      type: textOf(name || type, 256),
      value: message || stack ? textOf(message || "") : toText(plain(one)),
      stacktrace: readStack(stack, textOf),
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
 * @param {any} stack of Chromium (`at f (file:1:2)`), Firefox and Safari (`f@file:1:2`)
 * @param {(value: any, limit: number) => string} textOf
 */
export function readStack(stack, textOf) {
  const frames = [];
  for (const line of `${stack}`.split("\n")) {
    const [, name, file, row, column] =
      /^\s*(?:at )?(?:(.{0,256}?)(?: \(|@))?([^\s()@]{1,1024}):(\d+):(\d+)\)?$/.exec(line) || [];
    if (file && frames.length < FRAMES)
      frames.push({ function: name || "?", file: textOf(file, 512), line: +row, column: +column });
  }
  return frames;
}

/** @param {unknown} value also of another frame, whose Error is another */
export const isError = (value) =>
  typeof value === "object" && typeof get(value, "stack") === "string";
