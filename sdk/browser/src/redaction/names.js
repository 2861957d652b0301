import { isAscii } from "./fold.js";
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

/** @typedef {(name: string) => 0 | 1 | 2} NameTest */

/** @param {string} words */
const setOf = (words) => new Set(words.split(" "));

/** @param {string} name the caller's: `employee number`, `employeeNumber` */
const wordOf = (name) =>
  (name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+/g) || []).join("_").toLowerCase();

/**
 * Return all words, longest first, the caller's among them.
 *
 * @param {string[]} [names]
 */
export const allWords = (names = []) =>
  [...WORDS.split(" "), ...names.map(wordOf).filter(Boolean)].sort((a, b) => b.length - a.length);

/** @param {string} text */
const plain = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, "");

/**
 * Return the test that says whether a name, in any casing and spelling, announces a secret.
 *
 * @param {ReturnType<typeof import("./fold.js").createFold>} fold
 * @param {string[]} [names]
 * @param {string[]} [exempt]
 * @returns {NameTest}
 */
export function createNameTest(fold, names, exempt = []) {
  const words = RegExp(allWords(names).join("|").replace(/_/g, SEPARATOR), "gi");
  const short = RegExp(SHORT_WORDS, "gi");
  const runOn = setOf(RUN_ON);
  const descriptors = setOf(DESCRIPTORS);
  const scalars = setOf(SCALAR_DESCRIPTORS);
  const heads = setOf(SCALAR_HEADS);
  const kept = new Set(exempt.map(plain));
  /** @type {Map<string, 0 | 1 | 2>} */
  const cache = new Map();

  /**
   * Whether a word of the name ends here, plural and run-on endings included.
   * @param {string} name @param {number} end
   */
  const ends = (name, end) =>
    stops(name, end) ||
    (/s/i.test(name[end]) && stops(name, end + 1)) ||
    runOn.has((/^[a-z]*/i.exec(name.slice(end, end + 20)) || "")[0].toLowerCase());

  /** @param {string} name */
  const holdsWord = (name) => {
    let match;
    for (words.lastIndex = 0; (match = words.exec(name)); words.lastIndex = match.index + 1) {
      // Words overlap: `user_pass` hides the `password` of `user_password`.
      if (ends(name, words.lastIndex)) return true;
    }
    for (short.lastIndex = 0; (match = short.exec(name));) {
      if (begins(name, match.index) && stops(name, short.lastIndex)) return true;
    }
    return false;
  };

  /** @type {NameTest} */
  const judge = (name) => {
    // The mark counts as a letter: what was no word before a secret vanished is none behind it.
    const ascii = (isAscii(name) ? name : fold(name).text).split(MARK).join("x");
    if (!holdsWord(ascii) || kept.has(plain(ascii))) return KEEP;
    const pieces = (ascii.slice(-512).match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+/g) || []).map(
      (one) => one.toLowerCase(),
    );
    const last = pieces[pieces.length - 1];
    if (pieces.length > 1) {
      if (descriptors.has(last)) return KEEP;
      if (scalars.has(last) || heads.has(pieces[0])) return MASK_TEXT;
    }
    // Counts of a language model, or a list of secrets.
    return last === "tokens" ? MASK_TEXT : MASK;
  };

  return (name) => {
    let verdict = cache.get(name);
    if (verdict === undefined) {
      verdict = judge(name);
      if (cache.size >= CACHE_COUNT) cache.clear();
      if (name.length <= 80) cache.set(name, verdict);
    }
    return verdict;
  };
}

/**
 * Whether no letter follows, or the case changes: `token_x`, `token2`, `tokenValue`.
 * @param {string} name @param {number} end
 */
function stops(name, end) {
  const following = name.slice(end, end + 2);
  return (
    !/^[a-z]/i.test(following) ||
    (/[a-z]/.test(name[end - 1]) ? /^[A-Z]/ : /^[A-Z][a-z]/).test(following)
  );
}

/** @param {string} name @param {number} start */
const begins = (name, start) =>
  !start || !/[a-z]/i.test(name[start - 1]) || /[a-z][A-Z]/.test(name.slice(start - 1, start + 1));
