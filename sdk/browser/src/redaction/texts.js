import { createAssignments } from "./assignments.js";
import { fold } from "./fold.js";
import { begins, wordPattern } from "./names.js";
import { accountEnd, findNumbers, touchesAfter, touchesBefore } from "./numbers.js";
import { PATTERNS, SHORT_WORDS } from "./rules.js";

/** @typedef {import("./numbers.js").Span} Span */

const MAX_PASSES = 8;
const SSN = RegExp(PATTERNS.ssn, "iy");

/**
 * Return what judges a find: is it really a token, and which part of it is the secret?
 *
 * @param {(text: string, start: number, wordEnd: number) => Span | undefined} assigned
 * @returns {Record<string, (text: string, start: number, end: number) => Span[] | Span | undefined | false>}
 */
const createChecks = (assigned) => ({
  word(text, start, end) {
    const span = assigned(text, start, end);
    if (span) return span;
    // Nine digits after a word that says what they are; blanks and dashes between them are fine.
    SSN.lastIndex = start;
    const found = SSN.exec(text);
    if (!found || /[a-z]/i.test(text[start - 1] || "")) return;
    const stop = SSN.lastIndex;
    const begin =
      stop - /** @type {RegExpExecArray} */ (/(?:\d[ -]?){9}$/.exec(found[0]))[0].length;
    return !touchesBefore(text, begin) && !touchesAfter(text, stop) && [begin, stop];
  },

  // Alone, behind a line break of an escaped text, or where the case changes.
  short(text, start, end) {
    const isWord = begins(text, start) || text.slice(start - 2, start) === "\\n";
    return isWord && !/^\D[a-z]/.test(text.slice(end - 1, end + 1)) && this.word(text, start, end);
  },

  digits: findNumbers,

  iban(text, start, end) {
    const stop = accountEnd(text, start, end);
    return stop > 0 && [start, stop];
  },

  // A signed or encrypted token has two dots or more between parts that are not empty. What only
  // begins like one is passed over as a whole.
  jwt: (text, start, end) =>
    text.startsWith("eyJ", start) && [
      /^[^.]{8,}\.[^.]{4}/.test(text.slice(start, end)) ? start : end,
      end,
    ],

  // Not prose such as `bearer of news`.
  bearer(text, start, end) {
    const { length } = text.slice(start + 6, end).trim();
    return (length > 15 || /\d/.test(text.slice(start, end))) && [end - length, end];
  },

  // User and password, that is base64 with a colon inside, not prose such as `basic plan`.
  basic(text, start, end) {
    const value = text.slice(start + 5, end).trim();
    const [base64] = value.replace(/-/g, "+").replace(/_/g, "/").split("=");
    try {
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
});

/**
 * Return the function that replaces the secrets of a text.
 *
 * One search finds where a rule may begin, then that rule is asked.
 *
 * @param {import("./names.js").NameTest} verdictOf
 * @param {string[]} names
 * @param {string} mark
 * @param {() => void} onHit
 * @returns {(text: string) => string}
 */
export function createTexts(verdictOf, names, mark, onHit) {
  const checks = createChecks(createAssignments(verdictOf));
  const { ssn: _, ...patterns } = PATTERNS;
  /** @type {Record<string, string>} */
  const rules = {
    word: wordPattern(names, "[^A-Za-z0-9]{0,6}").source,
    short: SHORT_WORDS,
    ...patterns,
  };
  const order = Object.keys(rules);
  const search = RegExp(order.map((rule) => `(${rules[rule]})`).join("|"), "gi");

  /** @param {string} text ASCII */
  const find = (text) => {
    /** @type {Span[]} */
    const found = [];
    let match;
    for (search.lastIndex = 0; (match = search.exec(text));) {
      const { index } = match;
      let end = search.lastIndex;
      const rule = order[match.slice(1).findIndex((group) => group)];
      const spans = /** @type {any} */ (checks[rule](text, index, end) || []);
      // What was none may hide the next; a run of digits is looked at as a whole.
      if (rule === "digits") while (!/\d/.test(text[end - 1])) end--;
      search.lastIndex = rule === "digits" ? end : index + 1;
      for (const span of spans.length && !spans[0].length ? [spans] : spans) {
        search.lastIndex = Math.max(span[1], search.lastIndex);
        if (span[0] < span[1]) found.push(span);
      }
    }
    return found;
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
