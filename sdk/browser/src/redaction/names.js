import { fold } from "./fold.js";
import { COUNTS, DESCRIBES, SEPARATOR, SHORT_WORDS, WORDS } from "./rules.js";

/** What becomes of the value under a name. */
export const KEEP = 0;
/** Numbers, booleans and timestamps stay: `token_count`, `password_changed_at`. */
export const MASK_TEXT = 1;
export const MASK = 2;

const CACHE_COUNT = 2048;

/** @typedef {(name: string) => number} NameTest */

/** @param {string} name @returns {string[]} */
const piecesOf = (name) => name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g) || [];

/**
 * Return the pattern of some long words and the caller's.
 *
 * @param {string} words
 * @param {string[]} names `employee number`, `employeeNumber`
 */
export const wordPattern = (words, names) =>
  [words, ...names.map((name) => piecesOf(name).join("_"))].join("|");

/** @param {string} pattern of lower-case words, to be matched in any case by a regular expression that minds it */
const anyCase = (pattern) =>
  pattern
    .replace(/[a-z]/gi, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`)
    .replace(/_/g, SEPARATOR);

/**
 * Return the test that says whether a name, in any casing and spelling, announces a secret.
 *
 * @param {string[]} names
 * @returns {NameTest}
 */
export function createNameTest(names) {
  // A long word counts wherever it stands, but for `secretary` and `tokenizer`. Before a short one
  // no letter stands, or the case changes; behind it, and behind the caller's, no lower-case letter.
  const short = `(?:^|[^A-Za-z]|[a-z](?=[A-Z]))(?:${anyCase(SHORT_WORDS)})`;
  const words = RegExp(
    `(?:${anyCase(WORDS)})(?!i[sz]|ar)|(?:${anyCase(wordPattern("~", names)).replace("~", short)})s?(?![a-z])`,
  );
  /** @type {Map<string, number>} */
  const cache = new Map();

  /** @type {NameTest} */
  const judge = (name) => {
    const folded = fold(name);
    if (!words.test(folded)) return KEEP;
    const pieces = piecesOf(folded.slice(-512)).join("_");
    return DESCRIBES.test(pieces) ? KEEP : COUNTS.test(pieces) ? MASK_TEXT : MASK;
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
