import { encode } from "../record/plain.js";
import { isScalar } from "./assignments.js";
import { MASK_TEXT, createNameTest, shortWords } from "./names.js";
import { isCard } from "./numbers.js";
import { MARK } from "./rules.js";
import { createTexts } from "./texts.js";

const JSON_LEVELS = 2;
const NAME = /^\S{1,64}$/;
const FLAG = /^--?[\w.\-[\]]{1,62}$/;

/** @param {unknown} text @param {RegExp} form @returns {text is string} */
const fits = (text, form) => typeof text === "string" && form.test(text);

/**
 * Return the function that takes the secrets out of decoded JSON: names first, then every text,
 * then the JSON inside texts.
 *
 * @param {import("../types.js").RedactOptions} [options]
 * @param {() => void} [onHit]
 * @returns {(value: any) => any}
 */
export function createRedaction(options, onHit = () => {}) {
  const { keys = [], patterns = [], replace: mark = MARK } = options || {};
  let hits = 0;
  const hide = () => {
    hits++;
    onHit();
    return mark;
  };
  const own = /** @type {(string | RegExp)[]} */ ([])
    .concat(patterns)
    .map((one) =>
      RegExp(one, `${/** @type {any} */ (one).flags || ""}g`.replace(/[gy](?=.*g)/g, "")),
    );
  const words = shortWords(keys);
  const verdictOf = createNameTest(words);
  const builtIn = createTexts(verdictOf, words, mark, hide);

  /** @param {string} text */
  const redactText = (text) => {
    for (const one of own) text = text.replace(one, hide);
    return /[^a-z_]/i.test(text) ? builtIn(text) : text; // most keys
  };

  /** @param {any} value @param {number} levels of JSON in texts @param {number} [verdict] @returns {any} */
  const walk = (value, levels, verdict = 0) => {
    const isText = typeof value === "string";
    const isTree = value && typeof value === "object";
    const isEmpty = value == null || value === "" || (isTree && !Object.keys(value).length);
    if (
      (!isEmpty && value !== mark && verdict && !(verdict === MASK_TEXT && isScalar(value))) ||
      (Number.isInteger(value) && isCard(`${Math.abs(value)}`))
    )
      return hide();
    if (isText) {
      // What only a reader of the JSON sees, then the text as it stands. Values are bounded in depth
      // before they come here; JSON that is too deep to be walked counts as none.
      try {
        if (levels && /^\s*[{[]/.test(value)) {
          const before = hits;
          const walked = walk(JSON.parse(value), levels - 1);
          if (hits > before) value = encode(walked);
        }
      } catch {
        // no JSON
      }
      return redactText(value);
    }
    if (!isTree) return value;
    if (Array.isArray(value)) {
      // `--password` announces what comes next, and so does the name of a pair.
      const isPair = value.length === 2;
      let next = 0;
      return value.map((item) => {
        const after = walk(item, levels, isPair || !fits(item, FLAG) ? next : 0);
        const isNaming =
          typeof item === "string" && fits(after, NAME) && (isPair || after[0] === "-");
        next = isNaming ? Math.max(verdictOf(item), verdictOf(after)) : 0;
        return after;
      });
    }
    // A pair such as {"name": "Authorization", "value": ...}
    const named = "name" in value ? value.name : value.key;
    const result = Object.create(null);
    for (const key of Object.keys(value)) {
      const name = redactText(key);
      result[name] = walk(
        value[key],
        levels,
        Math.max(
          verdictOf(key),
          verdictOf(name),
          key === "value" && fits(named, NAME) ? verdictOf(named) : 0,
        ),
      );
    }
    return result;
  };

  return (value) => walk(value, JSON_LEVELS);
}
