export const DEPTH = 6;
const ENTRIES = 100;
const TEXT_LENGTH = 8192;
/** All texts of one event together, so that few events are larger than the gateway takes. */
const BUDGET = 48e3;

/** @typedef {ReturnType<typeof createPlain>} Plain */

/**
 * Return what makes plain JSON values of anything: bounded, without cycles, never throwing. They
 * have no prototype, and their texts are valid Unicode.
 *
 * @param {number} [depth]
 */
export function createPlain(depth = DEPTH) {
  let budget = BUDGET;
  let isCut = false;
  /** @type {any[]} */
  const parents = [];

  /** Half an emoji and NUL, which no strict reader takes, become U+FFFD. @param {any} value @param {number} [limit] */
  const textOf = (value, limit = TEXT_LENGTH) => {
    let result = String(value);
    const most = Math.min(limit, budget);
    if (result.length > most) {
      isCut = true;
      result = result.slice(0, most) + "…";
    }
    budget = Math.max(0, budget - result.length);
    return result.replace(/[\0\ud800-\udfff]/gu, "\ufffd"); // `u`: whole emojis are none of these
  };

  /** @param {any} value @returns {any} */
  const plain = (value) => {
    const { length } = parents;
    try {
      if (value == null) return null;
      if (typeof value === "function") return "[Function]";
      if (value === !!value || Number.isFinite(value)) return value;
      if (typeof value !== "object") return textOf(value);
      if (parents.includes(value)) return "[Circular]";
      if (length >= depth || value.window === value) {
        isCut = true;
        return "[Object]";
      }
      if (value.nodeType) return `<${textOf(value.nodeName)}>`;
      if (value.toISOString) return textOf(value.toISOString());
      if (value instanceof Error)
        value = { type: value.name, value: value.message, stack: value.stack };
      if (value instanceof Map) value = Object.fromEntries(value);
      if (value instanceof Set) value = [...value];
      const isList = Array.isArray(value);
      const keys = isList
        ? [...value.slice(0, ENTRIES + 1).keys()]
        : ArrayBuffer.isView(value)
          ? []
          : Object.keys(value);
      const tag = Object.prototype.toString.call(value);
      if (!isList && !keys.length && tag !== "[object Object]")
        return tag === "[object URL]" ? textOf(value) : tag;
      const most = budget ? ENTRIES : 0;
      if (keys.length > most) isCut = true;
      parents.push(value);
      const result = isList ? [] : Object.create(null);
      for (const key of keys.slice(0, most))
        result[isList ? key : textOf(key, 256)] = plain(get(value, key));
      return result;
    } catch {
      return "[Unreadable]"; // a revoked proxy, another origin's window
    } finally {
      parents.length = length;
    }
  };

  return { textOf, plain, isCut: () => isCut };
}

/** Read a field whose getter may throw. @param {any} value @param {any} key */
export const get = (value, key) => {
  try {
    return value?.[key];
  } catch {
    return "[Unreadable]";
  }
};

/**
 * Write plain values as JSON, whatever the page made of `toJSON`.
 *
 * @param {any} value
 * @returns {string}
 */
export const encode = (value) =>
  JSON.stringify(
    value,
    /** @type {any} */ ([]).toJSON &&
      /** What stands there, not what `toJSON` said. @this {any} @param {string} key */
      function (key) {
        return this[key];
      },
  );
