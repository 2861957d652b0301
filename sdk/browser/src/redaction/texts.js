import { createAssignments } from "./assignments.js";
import { fold } from "./fold.js";
import { begins, wordPattern } from "./names.js";
import { accountEnd, findNumbers, touchesAfter, touchesBefore } from "./numbers.js";
import { PATTERNS, SHORT_WORDS } from "./rules.js";

/** @typedef {import("./numbers.js").Span} Span */
/** @typedef {[start: number, end: number, from: number]} Found `from`: where its sign began */

const MAX_PASSES = 8;

/**
 * What a pattern found is judged here: is it really a token, and which part of it is the secret?
 *
 * @type {Record<string, (text: string, start: number, end: number) => Span[] | Span | undefined | false>}
 */
const CHECKS = {
  digits: findNumbers,

  iban(text, start, end) {
    const stop = accountEnd(text, start, end);
    return stop > 0 && [start, stop];
  },

  // A signed or encrypted token has two dots or more between parts that are not empty. What only
  // begins like one is passed over as a whole.
  jwt: (text, start, end) => [/^[^.]{8,}\.[^.]{4}/.test(text.slice(start, end)) ? start : end, end],

  // Not prose such as `bearer of news`.
  bearer(text, start, end) {
    const { length } = text.slice(start + 6, end).trim();
    return (length > 15 || /\d/.test(text.slice(start, end))) && [end - length, end];
  },

  // User and password, that is base64 with a colon inside, not prose such as `basic plan`.
  basic(text, start, end) {
    const value = text.slice(start + 5, end).trim();
    try {
      const [base64] = value.replace(/-/g, "+").replace(/_/g, "/").split("=");
      return (
        value.length > 3 &&
        base64.length % 4 !== 1 &&
        atob(base64).includes(":") && [end - value.length, end]
      );
    } catch {
      // no base64
    }
  },

  // The whole block; one that was cut off counts to the end of the text.
  private_key(text, start, end) {
    const [block] = /** @type {RegExpExecArray} */ (
      /^[^]*?(?:-----END[^]{2,}?-----|$)/.exec(text.slice(end))
    );
    return [start, end + block.length];
  },

  // The password of `scheme://user:password@host`, or a user that looks like a token itself.
  url_credentials(text, start, end) {
    const at = text.lastIndexOf("@", end - 1);
    const colon = text.slice(0, at).indexOf(":", start + 3);
    const begin = colon < 0 ? start + 3 : colon + 1;
    return (colon < 0 ? at - start > 22 : at > begin) && [begin, at];
  },

  // Nine digits after a word that says what they are; blanks and dashes between them are fine.
  ssn(text, start, end) {
    const begin =
      end -
      /** @type {RegExpExecArray} */ (/(?:\d[ -]?){9}$/.exec(text.slice(start, end)))[0].length;
    return (
      !touchesBefore(text, begin) &&
      !touchesAfter(text, end) &&
      !/[a-z]/i.test(text[start - 1] || "") && [begin, end]
    );
  },
};

/**
 * Return the function that replaces the secrets of a text.
 *
 * @param {import("./names.js").NameTest} verdictOf
 * @param {string[]} names
 * @param {string} mark
 * @param {() => void} onHit
 * @returns {(text: string) => string}
 */
export function createTexts(verdictOf, names, mark, onHit) {
  const words = wordPattern(names, "[^A-Za-z0-9]{0,6}");
  const short = RegExp(SHORT_WORDS, "gi");
  const assigned = createAssignments(verdictOf);

  /** @param {string} text ASCII @returns {Found[]} in order, none over another */
  const find = (text) => {
    /** @type {Found[]} */
    const found = [];
    /** @param {RegExp} pattern @param {(text: string, start: number, end: number) => any} check */
    const scan = (pattern, check) => {
      let match;
      for (pattern.lastIndex = 0; (match = pattern.exec(text));) {
        const { index } = match;
        const end = pattern.lastIndex;
        const spans = check(text, index, end) || [];
        for (const [start, stop] of spans.length && !spans[0].length ? [spans] : spans) {
          found.push([start, stop, check === findNumbers ? start : index]);
          pattern.lastIndex = Math.max(stop, end);
        }
        // What was none may hide the next; a run of digits is looked at as a whole.
        if (end === index || (!spans.length && check !== findNumbers))
          pattern.lastIndex = index + 1;
      }
    };
    scan(words, assigned);
    scan(short, (_, start, end) => {
      // Alone, behind a line break of an escaped text, or where the case changes.
      const isWord = begins(text, start) || text.slice(start - 2, start) === "\\n";
      return (
        isWord &&
        !(/[a-z]/.test(text[end]) && /\D/.test(text[end - 1])) &&
        assigned(text, start, end)
      );
    });
    for (const rule of Object.keys(PATTERNS))
      scan(PATTERNS[/** @type {keyof typeof PATTERNS} */ (rule)], CHECKS[rule]);

    /** @type {Found[]} */
    const apart = [];
    let resume = 0;
    for (const one of found.sort((a, b) => a[2] - b[2]))
      if (one[2] >= resume) {
        resume = one[1];
        if (one[0] < resume) apart.push(one);
      }
    return apart;
  };

  return (text) => {
    for (let pass = 0, again = true; again && pass < MAX_PASSES; pass++) {
      again = false;
      const [copy, starts] = fold(text);
      let result = "";
      let end = 0;
      for (const [start, stop] of find(copy)) {
        const begin = starts ? starts[start] : start;
        const last = starts ? starts[stop - 1] : stop - 1;
        const close = last + ((text.codePointAt(last) || 0) > 65535 ? 2 : 1);
        if (text.slice(begin, close) === mark) continue;
        onHit();
        result += text.slice(end, begin) + mark;
        end = close;
        // Where one secret touched another, the second may show only behind the mark: look again.
        again =
          again || !/^[ \t,;:=&@'<>()]{2}$/.test((copy[start - 1] || " ") + (copy[stop] || " "));
      }
      text = result + text.slice(end);
    }
    return text;
  };
}
