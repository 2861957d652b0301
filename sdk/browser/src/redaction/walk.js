import { KEEP, MASK, MASK_TEXT, createNameTest } from "./names.js";
import { isCard } from "./numbers.js";
import { MARK } from "./rules.js";
import { createTexts } from "./texts.js";

/** @typedef {import("./texts.js").Hits} Hits */
/** @typedef {import("../types.js").RedactOptions} RedactOptions */

const MAX_DEPTH = 200;
const JSON_LEVELS = 2;

/**
 * Return the function that takes the secrets out of decoded JSON: names first, then every text,
 * then the JSON inside texts. It returns the same object where there are none.
 *
 * @param {RedactOptions} [options]
 * @returns {(value: any, hits: Hits) => any}
 */
export function createRedaction(options = {}) {
  const { keys = [], exempt = [], patterns = [] } = options;
  const verdictOf = createNameTest(keys, exempt);
  const custom = patterns.map(({ source, flags }) => RegExp(source, flags.replace(/[gy]/g, "") + "g"));
  const redactText = createTexts(verdictOf, keys, custom);
  const add = (/** @type {Hits} */ hits) => {
    hits.count++;
    return MARK;
  };

  /** @param {any} value @param {Hits} hits @param {number} depth @param {number} levels @returns {any} */
  const walk = (value, hits, depth, levels) => {
    if (typeof value === "string") return walkText(value, hits, levels);
    if (typeof value === "number") {
      const digits = Number.isInteger(value) ? `${Math.abs(value)}` : "";
      return digits.length > 12 && /^\d{13,19}$/.test(digits) && isCard(digits)
        ? add(hits)
        : value;
    }
    if (!value || typeof value !== "object") return value;
    if (depth >= MAX_DEPTH) return add(hits);
    if (!Array.isArray(value)) return walkFields(value, hits, depth + 1, levels);
    let same = true;
    const walked = value.map((item) => {
      const result = walk(item, hits, depth + 1, levels);
      same = same && result === item;
      return result;
    });
    return same ? value : walked;
  };

  /** @param {string} text @param {Hits} hits @param {number} levels */
  const walkText = (text, hits, levels) => {
    if (levels && /^\s*[{[]/.test(text)) {
      let inner;
      try {
        inner = JSON.parse(text);
      } catch {
        return redactText(text, hits);
      }
      const walked = walk(inner, hits, 0, levels - 1);
      if (walked !== inner) return JSON.stringify(walked);
      // Clean as a reader sees it; what JavaScript does not see is a field hidden by a later one of
      // the same name, and the last digits of a long number.
      const hidden = { count: 0 };
      const masked = redactText(text, hidden);
      if (masked === text) return text;
      const shown = JSON.stringify(inner);
      const repeats = fieldCount(text) !== fieldCount(shown);
      if (!repeats && !/\d{17}/.test(text)) return text;
      hits.count += hidden.count;
      return repeats ? redactText(shown, hidden) : masked;
    }
    return redactText(text, hits);
  };

  /** @param {any} value @param {number} verdict @param {Hits} hits @param {number} depth @param {number} levels */
  const masked = (value, verdict, hits, depth, levels) => {
    if (isEmpty(value) || value === MARK) return value;
    if (verdict === KEEP || (verdict === MASK_TEXT && isScalar(value)))
      return walk(value, hits, depth, levels);
    return add(hits);
  };

  /** @param {Record<string, any>} fields @param {Hits} hits @param {number} depth @param {number} levels */
  const walkFields = (fields, hits, depth, levels) => {
    const keys = Object.keys(fields);
    /** @type {Record<string, any>} */
    const result = Object.create(null);
    let same = true;
    for (const key of keys) {
      let verdict = verdictOf(key);
      const name = redactText(key, hits);
      if (name !== key && verdict !== MASK) verdict = verdictOf(name);
      const value = masked(fields[key], verdict, hits, depth, levels);
      same = same && value === fields[key] && name === key;
      let unique = name;
      for (let number = 2; unique in result; number++) unique = `${name} (${number})`;
      result[unique] = value;
    }
    // A pair such as {"name": "Authorization", "value": ...}
    const named = "name" in fields ? fields.name : fields.key;
    if (
      keys.length < 9 &&
      keys.includes("value") &&
      typeof named === "string" &&
      /^[\p{L}\p{N}_.\-[\]]{1,64}$/u.test(named) &&
      verdictOf(named) !== KEEP
    ) {
      const value = masked(fields.value, verdictOf(named), hits, depth, levels);
      same = same && value === fields.value;
      if (value !== fields.value) result.value = value;
    }
    return same ? fields : result;
  };

  return (value, hits) => walk(value, hits, 0, JSON_LEVELS);
}

/** @param {any} value */
const isEmpty = (value) =>
  value == null ||
  value === "" ||
  (typeof value === "object" && !(Array.isArray(value) ? value : Object.keys(value)).length);

/** @param {any} value */
const isScalar = (value) =>
  typeof value === "number" ||
  typeof value === "boolean" ||
  (typeof value === "string" && /^[-0-9+:.TZ ]{0,35}$/.test(value));

/** @param {string} json */
const fieldCount = (json) => json.replace(/"(?:[^"\\]|\\.)*"/g, "").split(":").length;
