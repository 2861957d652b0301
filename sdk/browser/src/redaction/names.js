import { fold } from "./fold.js";
import {
  DESCRIPTORS,
  RUN_ON,
  SCALAR_DESCRIPTORS,
  SCALAR_HEADS,
  SEPARATOR,
  SHORT_WORDS,
  WORDS,
} from "./rules.js";

/** What becomes of the value under a name. */
export const KEEP = 0;
/** Numbers, booleans and timestamps stay: `token_count`, `password_changed_at`. */
export const MASK_TEXT = 1;
export const MASK = 2;

const CACHE_COUNT = 2048;

/** @typedef {(name: string) => number} NameTest */

/** @param {string} name @returns {string[]} */
const piecesOf = (name) => name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g) || [];

/** @param {string} words */
const only = (words) => RegExp(`^(?:${words})$`, "i");

/**
 * Return the pattern of all long words, the caller's among them.
 *
 * @param {string[]} names `employee number`, `employeeNumber`
 */
export const wordPattern = (names) =>
  [WORDS, ...names.map((name) => piecesOf(name).join("_"))].join("|");

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
  // No lower-case letter follows a word, but for plural and run-on endings: `token_x`, `token2`,
  // `tokenValue`, `passwordhash`. Before a short one no letter stands, or the case changes.
  const words = RegExp(
    `(?:${anyCase(wordPattern(names))}|(?:^|[^A-Za-z]|[a-z](?=[A-Z]))(?:${anyCase(SHORT_WORDS)}))(?:s|${RUN_ON})?(?![a-z])`,
  );
  const descriptors = only(DESCRIPTORS);
  const scalars = only(SCALAR_DESCRIPTORS);
  const heads = only(SCALAR_HEADS);
  /** @type {Map<string, number>} */
  const cache = new Map();

  /** @type {NameTest} */
  const judge = (name) => {
    const folded = fold(name);
    if (!words.test(folded)) return KEEP;
    const pieces = piecesOf(folded.slice(-512));
    const last = pieces[pieces.length - 1];
    if (pieces[1]) {
      if (descriptors.test(last)) return KEEP;
      if (scalars.test(last) || heads.test(pieces[0])) return MASK_TEXT;
    }
    // Counts of a language model, or a list of secrets.
    return /^tokens$/i.test(last) ? MASK_TEXT : MASK;
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
