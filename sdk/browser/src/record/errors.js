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
 * @param {(text: string, limit?: number) => string} text makes texts safe
 * @param {string} [type] of what is no Error
 * @returns {Thrown}
 */
export function describe(thrown, text, type = "Error") {
  const chain = [];
  /** @type {any[]} */
  const waiting = [thrown];
  const seen = new Set();
  while (waiting.length && chain.length <= CAUSES) {
    const one = waiting.shift();
    if (seen.has(one)) continue;
    seen.add(one);
    chain.push(read(one, text, type));
    waiting.push(...linked(one));
  }
  const [first, ...cause] = chain;
  return cause.length ? { ...first, cause } : first;
}

/** @param {any} error @returns {unknown[]} its cause and the errors it sums up */
function linked(error) {
  try {
    const found = error.errors && error.errors.length ? [...error.errors] : [];
    if (error.cause != null) found.unshift(error.cause);
    return found;
  } catch {
    return [];
  }
}

/** @param {any} error @param {(text: string, limit?: number) => string} text @param {string} type */
function read(error, text, type) {
  /** @param {string} name */
  const field = (name) => {
    try {
      return error[name] == null ? "" : String(error[name]);
    } catch {
      return "";
    }
  };
  let value = field("message");
  if (!value && !field("stack")) {
    try {
      value = String(error);
    } catch {
      value = "[Unreadable]";
    }
  }
  return {
    type: text(field("name") || type, 256),
    value: text(value),
    stacktrace: readStack(field("stack")).map((frame) => ({
      ...frame,
      file: text(String(frame.file), 512),
    })),
  };
}

/** @param {string} stack of Chromium (`at f (file:1:2)`), Firefox and Safari (`f@file:1:2`) */
export function readStack(stack) {
  const frames = [];
  for (const line of stack.slice(0, 16384).split("\n")) {
    const found = /^\s*(?:at )?(?:(.{0,256}?)(?: \(|@))?([^\s()@]{1,1024}):(\d+):(\d+)\)?$/.exec(
      line.slice(0, 1400),
    );
    if (found && frames.length < FRAMES)
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
export function isError(value) {
  try {
    return (
      value instanceof Error || /(Error|Exception)\]$/.test(Object.prototype.toString.call(value))
    );
  } catch {
    return false; // a revoked proxy
  }
}
