import { fold } from "./fold.js";
import {
  DESCRIPTORS,
  MARK,
  RUN_ON,
  SCALAR_DESCRIPTORS,
  SCALAR_HEADS,
  SEPARATOR,
  SHORT_WORDS,
  WORDS,
} from "./rules.js";

/** What becomes of the value under a name. */
export const KEEP = 0;
export const MASK = 1;
/** Numbers, booleans and timestamps stay: `token_count`, `password_changed_at`. */
export const MASK_TEXT = 2;

const CACHE_COUNT = 2048;

/** @typedef {(name: string) => number} NameTest */

/** @param {string} name @returns {string[]} */
const piecesOf = (name) => name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g) || [];

/** @param {string} words */
const only = (words) => RegExp(`^(?:${words})$`, "i");

/**
 * Return the pattern of all words, the caller's among them.
 *
 * @param {string[]} names `employee number`, `employeeNumber`
 * @param {string} separator what may stand between the parts of a word
 */
export const wordPattern = (names, separator) =>
  RegExp(
    [...WORDS.split("|"), ...names.map((name) => piecesOf(name).join("_"))]
      .sort((a, b) => b.length - a.length)
      .join("|")
      .replace(/_/g, separator),
    "gi",
  );

/** @param {string} text */
const plain = (text) => text.toLowerCase().replace(/[^a-z\d]+/g, "");

/**
 * Return the test that says whether a name, in any casing and spelling, announces a secret.
 *
 * @param {string[]} names
 * @param {string[]} exempt
 * @returns {NameTest}
 */
export function createNameTest(names, exempt) {
  const words = wordPattern(names, SEPARATOR);
  const short = RegExp(SHORT_WORDS, "gi");
  const runOn = only(RUN_ON);
  const descriptors = only(DESCRIPTORS);
  const scalars = only(SCALAR_DESCRIPTORS);
  const heads = only(SCALAR_HEADS);
  const kept = exempt.map(plain);
  /** @type {Map<string, number>} */
  const cache = new Map();

  /** @param {string} name */
  const holdsWord = (name) => {
    let match;
    for (words.lastIndex = 0; (match = words.exec(name)); words.lastIndex = match.index + 1) {
      const end = words.lastIndex;
      // Plural and run-on endings are part of a word: `tokens`, `passwordhash`.
      const tail = /** @type {RegExpExecArray} */ (/^[a-z]*/i.exec(name.slice(end, end + 20)))[0];
      if (stops(name, end) || (/^s/i.test(tail) && stops(name, end + 1)) || runOn.test(tail))
        return true;
    }
    for (match of name.matchAll(short)) {
      const start = /** @type {number} */ (match.index);
      if (begins(name, start) && stops(name, start + match[0].length)) return true;
    }
  };

  /** @type {NameTest} */
  const judge = (name) => {
    // The mark counts as a letter: what was no word before a secret vanished is none behind it.
    const ascii = fold(name)[0].split(MARK).join("x");
    if (!holdsWord(ascii) || kept.includes(plain(ascii))) return KEEP;
    const pieces = piecesOf(ascii.slice(-512));
    const last = pieces[pieces.length - 1];
    if (pieces.length > 1) {
      if (descriptors.test(last)) return KEEP;
      if (scalars.test(last) || heads.test(pieces[0])) return MASK_TEXT;
    }
    // Counts of a language model, or a list of secrets.
    return /^tokens$/i.test(last) ? MASK_TEXT : MASK;
  };

  return (name) => {
    let verdict = cache.get(name);
    if (verdict === undefined) {
      verdict = judge(name);
      if (cache.size > CACHE_COUNT) cache.clear();
      if (name.length < 80) cache.set(name, verdict);
    }
    return verdict;
  };
}

/**
 * Whether no letter follows, or the case changes: `token_x`, `token2`, `tokenValue`.
 * @param {string} name @param {number} end
 */
function stops(name, end) {
  return /^(?:.[^A-Za-z]|[a-z][A-Z]|.[A-Z][a-z]|.$)/s.test(name.slice(end - 1, end + 2));
}

/** Whether no letter stands before, or the case changes. @param {string} text @param {number} start */
export const begins = (text, start) =>
  !start || /[^A-Za-z].|[a-z][A-Z]/s.test(text.slice(start - 1, start + 1));
