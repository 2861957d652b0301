import { encode } from "../record/plain.js";
import { KEEP, MASK, MASK_TEXT, createNameTest } from "./names.js";
import { isCard } from "./numbers.js";
import { MARK } from "./rules.js";
import { createTexts } from "./texts.js";

const MAX_DEPTH = 200;
const JSON_LEVELS = 2;
const NAME = /^[\p{L}\p{N}_.\-[\]]{1,64}$/u;
const FLAG = /^--?[\p{L}\p{N}_.\-[\]]{1,62}$/u;

/**
 * Return the function that takes the secrets out of decoded JSON: names first, then every text,
 * then the JSON inside texts. It returns the same object where there are none.
 *
 * @param {import("../types.js").RedactOptions} [options]
 * @param {() => void} [onHit]
 * @returns {(value: any) => any}
 */
export function createRedaction(options, onHit = () => {}) {
  const { keys = [], exempt = [], patterns = [], replace: mark = MARK } = options || {};
  const verdictOf = createNameTest(keys, exempt);
  const builtIn = createTexts(verdictOf, keys, mark, onHit);
  const hide = () => {
    onHit();
    return mark;
  };

  /** @param {string} text */
  const redactText = (text) => {
    if (!patterns.length && /^[a-z_]*$/i.test(text)) return text; // most keys
    for (const { source, flags } of patterns)
      text = text.replace(RegExp(source, flags.replace(/[gy]/g, "") + "g"), hide);
    return builtIn(text);
  };

  /** @param {string} text @param {number} levels */
  const walkText = (text, levels) => {
    let inner;
    try {
      inner = levels && /^\s*[{[]/.test(text) && JSON.parse(text);
    } catch {
      // no JSON
    }
    if (!inner) return redactText(text);
    const walked = walk(inner, 0, levels - 1);
    const shown = encode(walked);
    if (walked !== inner) return shown;
    // Clean as a reader sees it; what JavaScript does not see is a field hidden by a later one of
    // the same name, and the last digits of a long number.
    if (fieldCount(text) !== fieldCount(shown)) return redactText(shown);
    return /\d{17}/.test(text) ? redactText(text) : text;
  };

  /** @param {any} value @param {number} verdict @param {number} depth @param {number} levels */
  const judged = (value, verdict, depth, levels) => {
    const isEmpty =
      value == null ||
      value === "" ||
      value === mark ||
      (typeof value === "object" && !Object.keys(value).length);
    if (isEmpty || verdict === KEEP || (verdict === MASK_TEXT && isScalar(value)))
      return walk(value, depth, levels);
    return hide();
  };

  /** @param {any} value @param {number} depth @param {number} levels @returns {any} */
  const walk = (value, depth, levels) => {
    if (typeof value === "string") return walkText(value, levels);
    if (Number.isInteger(value) && isCard(`${Math.abs(value)}`)) return hide();
    if (!value || typeof value !== "object") return value;
    if (depth >= MAX_DEPTH) return hide();
    let same = true;
    /** @param {any} before @param {any} after */
    const seen = (before, after) => {
      if (before !== after) same = false;
      return after;
    };
    if (Array.isArray(value)) {
      // `--password` announces what comes next, and so does the name of a pair
      let verdict = KEEP;
      const items = value.map((item) => {
        const isKept =
          !verdict || (value.length !== 2 && typeof item === "string" && FLAG.test(item));
        const after = isKept
          ? walk(item, depth + 1, levels)
          : judged(item, verdict, depth + 1, levels);
        verdict = KEEP;
        if (typeof item === "string" && (value.length === 2 ? NAME : FLAG).test(after)) {
          verdict = verdictOf(item);
          if (after !== item && verdict !== MASK) verdict = verdictOf(after);
        }
        return seen(item, after);
      });
      return same ? value : items;
    }
    const keys = Object.keys(value);
    const result = Object.create(null);
    for (const key of keys) {
      const name = seen(key, redactText(key));
      let verdict = verdictOf(key);
      if (name !== key && verdict !== MASK) verdict = verdictOf(name);
      let unique = name;
      for (let number = 2; unique in result; number++) unique = `${name} (${number})`;
      result[unique] = seen(value[key], judged(value[key], verdict, depth + 1, levels));
    }
    // A pair such as {"name": "Authorization", "value": ...}
    const named = "name" in value ? value.name : value.key;
    if (
      keys.length < 9 &&
      keys.includes("value") &&
      typeof named === "string" &&
      NAME.test(named) &&
      verdictOf(named)
    )
      result.value = seen(value.value, judged(value.value, verdictOf(named), depth + 1, levels));
    return same ? value : result;
  };

  return (value) => walk(value, 0, JSON_LEVELS);
}

/** @param {any} value */
const isScalar = (value) =>
  typeof value === "string" ? /^[-0-9+:.TZ ]{0,35}$/.test(value) : typeof value !== "object";

/** @param {string} json */
const fieldCount = (json) => json.replace(/"(?:[^"\\]|\\.)*"/g, "").split(":").length;
