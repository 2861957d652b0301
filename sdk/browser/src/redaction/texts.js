import { createAssignments } from "./assignments.js";
import { fold } from "./fold.js";
import { accountSpan, numberSpan } from "./numbers.js";
import { PATTERNS, SEPARATOR, SSN, WORDS } from "./rules.js";

/** @typedef {import("./numbers.js").Span} Span */

const MAX_PASSES = 8;

/**
 * What judges a find of each of the patterns, in their order: is it really a token, and which part
 * of it is the secret?
 *
 * @type {((text: string, start: number, end: number) => Span | undefined | null | false | 0)[]}
 */
const CHECKS = [
  // A signed or encrypted token has two dots or more between parts that are not empty. What only
  // begins like one is passed over as a whole.
  (text, start, end) =>
    text.startsWith("eyJ", start) && [
      /^[^.]{8,}\.[^.]{4}/.test(text.slice(start, end)) ? start : end,
      end,
    ],

  // A whole private key, or what there is of it.
  (_, start, end) => [start, end],

  // Not prose such as `bearer of news` and `basic plan`; but user and password in base64.
  (text, start, end) => {
    const [value] = /** @type {RegExpExecArray} */ (/\S+$/.exec(text.slice(start, end)));
    let isSecret = /.{16}|[\d_-]/.test(value);
    try {
      isSecret ||= atob(value).includes(":");
    } catch {
      // no base64
    }
    return isSecret && [end - value.length, end];
  },

  // The password of `scheme://user:password@host`, or a user that looks like a token itself.
  (text, start, end) => {
    const at = text.lastIndexOf("@", end - 1);
    const colon = text.slice(0, at).indexOf(":", start + 3);
    return colon < 0 ? at - start > 22 && [start + 3, at] : [colon + 1, at];
  },

  numberSpan,
  accountSpan,
];

/**
 * Return the function that replaces the secrets of a text.
 *
 * One search finds where a rule may begin, then that rule is asked.
 *
 * @param {import("./names.js").NameTest} verdictOf
 * @param {string} words short ones
 * @param {string} mark
 * @param {() => string} hide counts a hit, returns the mark
 * @returns {(text: string) => string}
 */
export function createTexts(verdictOf, words, mark, hide) {
  const assigned = createAssignments(verdictOf);
  /** @type {typeof CHECKS} */
  const checks = [
    (text, start, end) => {
      const span = assigned(text, start, end);
      if (span) return span;
      // Nine digits after such a word; blanks and dashes between them are fine.
      SSN.lastIndex = end;
      const found = SSN.exec(text);
      return found && [SSN.lastIndex - found[1].length, SSN.lastIndex];
    },
    ...CHECKS,
  ];
  const search = RegExp(
    `(${`${WORDS}|${words}`.replace(/_/g, SEPARATOR)})|${PATTERNS.source}`,
    "gi",
  );

  /** @param {string} given */
  const pass = (given) => {
    const text = fold(given);
    // As it was, unless invisible characters went and nothing is any more where it stood.
    const source = text.length === given.length ? given : text;
    let result = "";
    let done = 0;
    let match;
    for (search.lastIndex = 0; (match = search.exec(text));) {
      const { index } = match;
      const check = checks[match.slice(1).findIndex((group) => group)];
      const [begin, end] = check(text, index, search.lastIndex) || [0, 0];
      // What was none may hide the next.
      search.lastIndex = Math.max(end, index + 1);
      if (begin < end && text.slice(begin, end) !== mark) {
        result += source.slice(done, begin) + hide();
        done = end;
      }
    }
    return done ? result + source.slice(done) : given;
  };

  return (text) => {
    // Where one secret touched another, the second may show only behind the mark: look again.
    for (let passes = 0, before; passes < MAX_PASSES && before !== text; passes++) {
      before = text;
      text = pass(text);
    }
    return text;
  };
}
