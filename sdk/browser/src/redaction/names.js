import { fold } from "./fold.js";
import { DESCRIBES, SEPARATOR, SHORT_WORDS, WORDS } from "./rules.js";

/** What becomes of the value under a name. */
export const KEEP = 0;
/** Numbers, booleans and timestamps stay: `token_count`, `password_changed_at`. */
export const MASK_TEXT = 1;
export const MASK = 2;

const CACHE_COUNT = 2048;

/** @typedef {(name: string) => number} NameTest */

/** @param {string} name `employee number`, `employeeNumber` */
const snakeOf = (name) => (name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g) || []).join("_");

/**
 * Return the pattern of the short words and the caller's.
 *
 * @param {string[]} names
 */
export const shortWords = (names) => [SHORT_WORDS, ...names.map(snakeOf)].join("|");

/**
 * Return the test that says whether a name, in any casing and spelling, announces a secret.
 *
 * @param {string} words short ones
 * @returns {NameTest}
 */
export function createNameTest(words) {
  // A long word counts wherever it stands, but for `secretary` and `tokenizer`. Before a short one
  // no letter stands, or the case changes; behind it no lower-case letter. All that minds the case,
  // so the words themselves are spelled in both.
  const pattern = RegExp(
    `(?:${WORDS})(?!is|iz|ar)|~(?:${words})s?`
      .replace(/[a-z]/gi, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`)
      .replace(/_/g, SEPARATOR)
      .replace("~", "(?:^|[^A-Za-z]|[a-z](?=[A-Z]))") + "(?![a-z])",
  );
  /** @type {Map<string, number>} */
  const cache = new Map();

  /** @type {NameTest} */
  const judge = (name) => {
    const folded = fold(name);
    if (!pattern.test(folded)) return KEEP;
    const tells = DESCRIBES.exec(snakeOf(folded.slice(-512)));
    return !tells ? MASK : tells[1] ? KEEP : MASK_TEXT;
  };

  return (name) => {
    let verdict = cache.get(name);
    if (verdict == null) {
      if (cache.size > CACHE_COUNT) cache.clear();
      cache.set(name, (verdict = judge(name)));
    }
    return verdict;
  };
}
