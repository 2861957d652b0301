const DEPTH = 6;
const ENTRIES = 100;
const TEXT_LENGTH = 8192;
/** All texts of one event together, so that no event is larger than the gateway takes. */
const BUDGET = 48e3;

/**
 * Return what makes plain JSON values of anything: bounded, without cycles, never throwing.
 *
 * The values have no prototype and the texts are valid Unicode. `isCut` says whether something was
 * left out since the function was made.
 *
 * @param {number} [depth]
 */
export function createPlain(depth = DEPTH) {
  let budget = BUDGET;
  let isCut = false;
  /** @type {object[]} */
  const parents = [];

  /** @param {string} text @param {number} [limit] */
  const cut = (text, limit = TEXT_LENGTH) => {
    const most = Math.min(limit, Math.max(budget, 0));
    if (text.length > most) {
      isCut = true;
      text = text.slice(0, most) + "…";
    }
    budget -= text.length;
    return wellFormed(text);
  };

  /** @param {any} value @returns {any} */
  const walk = (value) => {
    switch (typeof value) {
      case "string":
        return cut(value);
      case "number":
        return isFinite(value) ? value : `${value}`;
      case "boolean":
        return value;
      case "undefined":
        return null;
      case "object":
        return value && inside(value);
      case "function":
        return "[Function]";
    }
    return cut(String(value)); // bigint, symbol
  };

  /** @param {any} value an object */
  const inside = (value) => {
    if (parents.includes(value)) return "[Circular]";
    if (parents.length >= depth) {
      isCut = true;
      return "[Deep]";
    }
    parents.push(value);
    try {
      return entries(value);
    } catch {
      return "[Unreadable]"; // a getter that throws, a revoked proxy, another origin's window
    } finally {
      parents.pop();
    }
  };

  /** @param {any} value */
  const entries = (value) => {
    if (value.window === value) return "[Window]";
    if (value.nodeType > 0) return `<${cut(String(value.nodeName).toLowerCase(), 64)}>`;
    if (value instanceof Date) return isNaN(+value) ? "[Invalid Date]" : value.toISOString();
    if (value instanceof Error)
      return {
        type: cut(String(value.name)),
        value: cut(String(value.message)),
        stack: cut(String(value.stack)),
      };
    if (value instanceof Map) value = Object.fromEntries(value);
    else if (value instanceof Set) value = [...value];
    if (Array.isArray(value)) {
      const items = [];
      const length = limited(value.length);
      for (let index = 0; index < length; index++) items.push(safely(value, index));
      return items;
    }
    if (ArrayBuffer.isView(value)) return Object.prototype.toString.call(value);
    const fields = Object.create(null);
    const keys = Object.keys(value);
    const proto = Object.getPrototypeOf(value);
    if (!keys.length && proto && proto !== Object.prototype) return cut(String(value)); // URL, File
    for (const key of keys.slice(0, limited(keys.length)))
      fields[cut(key, 256)] = safely(value, key);
    return fields;
  };

  /** @param {number} count */
  const limited = (count) => {
    const most = budget > 0 ? ENTRIES : 0;
    if (count > most) isCut = true;
    return Math.min(count, most);
  };

  /** @param {any} value @param {string | number} key */
  const safely = (value, key) => {
    try {
      return walk(value[key]);
    } catch {
      return "[Unreadable]";
    }
  };

  return {
    text: cut,
    plain: (/** @type {unknown} */ value) => safely([value], 0),
    isCut: () => isCut,
  };
}

/** @param {string} text half an emoji and NUL, which no strict reader takes, become U+FFFD */
const wellFormed = (text) =>
  /[\0\ud800-\udfff]/.test(text)
    ? text.replace(/[\ud800-\udbff][\udc00-\udfff]|[\0\ud800-\udfff]/g, (found) =>
        found[1] ? found : "\ufffd",
      )
    : text;

/**
 * Write plain values as JSON, whatever the page made of `toJSON`.
 *
 * @param {any} value
 * @returns {string}
 */
export const encode = (value) =>
  value && typeof value === "object"
    ? Array.isArray(value)
      ? `[${value.map(encode).join()}]`
      : `{${Object.keys(value)
          .filter((key) => value[key] !== undefined)
          .map((key) => `${JSON.stringify(key)}:${encode(value[key])}`)
          .join()}}`
    : JSON.stringify(value === undefined ? null : value);
