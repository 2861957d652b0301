import { OTHER } from "./fold.js";
import { KEEP, MASK_TEXT } from "./names.js";
import { NAME_TAIL, SIGN } from "./rules.js";

/** @typedef {[start: number, end: number]} Span */

const LONGEST_PREFIX = 64;
const LONGEST_BRACKET = 65536;

/**
 * Return where a match that begins exactly at `start` ends, or -1.
 *
 * @param {RegExp} pattern sticky
 * @param {string} text
 * @param {number} start
 */
export function matchEnd(pattern, text, start) {
  pattern.lastIndex = start;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

/**
 * Return the function that finds the secret which a name announces in running text:
 * `password=...`, headers, flags, markup. It works on the ASCII copy of a text.
 *
 * @param {import("./names.js").NameTest} verdictOf
 * @returns {(text: string, start: number, wordEnd: number) => Span | undefined} the span of the
 *   secret that the word at `start` announces
 */
export function createAssignments(verdictOf) {
  const tail = RegExp(NAME_TAIL, "y");
  const sign = RegExp(SIGN, "y");
  const flag = /[\w.-]{0,40}[ \t]{1,4}(?=[^\s\x1c-\x1f-])/y;
  const plainValue = /[^\s\x1c-\x1f&;,"'`<>]+/y;
  const cookies = /[^\s\x1c-\x1f;"'`]+(?:; ?[^\s\x1c-\x1f;"'`=]+(?:=[^\s\x1c-\x1f;"'`]*)?)*/y;
  const restOfLine = /[^\r\n]+/y;
  const literalPrefix = /[bruf]{1,2}(?=["'])/iy;
  const escapedQuote = /(\\*)(["'`])/y;
  const scheme = /(?:bearer|basic|token|apikey|negotiate|bot|key)[ \t]+(?=[^\s\x1c-\x1f])/iy;
  const signedScheme = /(?:digest|signature|oauth|hawk|aws4-)/iy;
  const scalar = /^(?:-?[0-9][0-9.e+-]{0,24}|true|false|[0-9]{4}-[0-9]{2}-[0-9]{2}[0-9t:.z+-]*)$/i;
  const absent = /^(?:null|none|nil|undefined|nan|\(null\))$/i;
  const substance = RegExp(`[A-Za-z0-9${OTHER}]`);

  /**
   * Return the full name around a word: `user[new_password]`, not only `password`.
   * @param {string} text @param {number} start
   */
  const fullName = (text, start) => {
    const before = nameBefore(text, start);
    const behind = /** @type {RegExpExecArray} */ (/^[\w.\-[\]]*/.exec(text.slice(start)))[0];
    return (before + behind).replace(/^[.-]+|[.-]+$/g, "");
  };

  /** @param {string} text @param {number} start */
  const plainEnd = (text, start) => {
    let end = start;
    if (/[{[(]/.test(text[start])) {
      end = text.length;
      let depth = 0;
      const last = Math.min(end, start + LONGEST_BRACKET);
      for (let position = start; position < last; position++) {
        if (/[{[(]/.test(text[position])) depth++;
        else if (/[}\])]/.test(text[position]) && !--depth) {
          end = position + 1;
          break;
        }
      }
    }
    let stop = matchEnd(plainValue, text, end);
    if (stop < 0) return end;
    while (stop > end && /[)\]}\\]/.test(text[stop - 1])) stop--;
    return stop;
  };

  /** @param {string} text @param {number} start @param {string} header */
  const headerEnd = (text, start, header) => {
    if (/cookie/.test(header)) return matchEnd(cookies, text, start);
    if (!/authorization/.test(header)) return -1;
    if (matchEnd(signedScheme, text, start) >= 0) return matchEnd(restOfLine, text, start);
    const end = matchEnd(scheme, text, start);
    return end < 0 ? end : plainEnd(text, end);
  };

  /**
   * Return where the value at `start` begins and ends, without its quotes; nothing for an absent
   * value and for what is code, not a value.
   * @param {string} text @param {number} start @param {string} header name of a header line
   * @returns {Span | undefined}
   */
  const valueSpan = (text, start, header) => {
    const prefix = matchEnd(literalPrefix, text, start);
    escapedQuote.lastIndex = prefix < 0 ? start : prefix;
    const quote = escapedQuote.exec(text);
    if (quote) return quoted(text, escapedQuote.lastIndex, quote[1], quote[2]);
    if (/^(?:[:=]|\/\/)/.test(text.slice(start, start + 2))) return; // Token::Type, secret://, a comparison
    let end = headerEnd(text, start, header);
    if (end < 0) end = plainEnd(text, start);
    const value = text.slice(start, end);
    if (value && !absent.test(value) && substance.test(value)) return [start, end];
  };

  /** @param {string} text @param {Span | undefined} span @param {number} verdict */
  const unlessScalar = (text, span, verdict) =>
    span && verdict !== KEEP && !(verdict === MASK_TEXT && scalar.test(text.slice(...span)))
      ? span
      : undefined;

  /**
   * Find the value of `<password>...</password>` and of `--password ...`.
   * @param {string} text @param {number} start @param {number} wordEnd
   * @returns {Span | undefined}
   */
  const markupOrFlag = (text, start, wordEnd) => {
    const before = nameBefore(text, start);
    /** @type {Span | undefined} */
    let span;
    if (text[start - before.length - 1] === "<" && before.length < LONGEST_PREFIX) {
      const close = text.slice(0, wordEnd + LONGEST_PREFIX).indexOf(">", wordEnd);
      const end = close < 0 ? -1 : text.indexOf("<", close);
      if (end > close + 1 && !text.slice(start, close).includes(" ")) span = [close + 1, end];
    } else if (before.startsWith("--")) {
      const end = matchEnd(flag, text, wordEnd);
      if (end >= 0) span = valueSpan(text, end, "");
    }
    return span && unlessScalar(text, span, verdictOf(fullName(text, start)));
  };

  return (text, start, wordEnd) => {
    const tailEnd = text[wordEnd] === "=" ? wordEnd : matchEnd(tail, text, wordEnd);
    const value = matchEnd(sign, text, tailEnd);
    if (value < 0) return markupOrFlag(text, start, wordEnd);
    const name = fullName(text, start);
    const verdict = verdictOf(name);
    if (verdict === KEEP) return;
    const header = text.slice(value - 3, value).includes(":") ? name.toLowerCase() : "";
    return unlessScalar(text, valueSpan(text, value, header), verdict);
  };
}

/** @param {string} text @param {number} start */
const nameBefore = (text, start) =>
  /** @type {RegExpExecArray} */ (
    /[\w.\-[\]]*$/.exec(text.slice(Math.max(0, start - LONGEST_PREFIX), start))
  )[0];

/**
 * @param {string} text @param {number} start @param {string} escape @param {string} quote
 * @returns {Span | undefined}
 */
function quoted(text, start, escape, quote) {
  let end = text.indexOf(escape + quote, start);
  while (!escape && end > start && isEscaped(text, start, end)) end = text.indexOf(quote, end + 1);
  if (end < 0) end = text.length;
  if (end > start) return [start, end];
}

/** @param {string} text @param {number} start @param {number} end */
function isEscaped(text, start, end) {
  let back = end;
  while (back > start && text[back - 1] === "\\") back--;
  return (end - back) % 2 === 1;
}
