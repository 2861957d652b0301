import { KEEP, MASK_TEXT } from "./names.js";
import { ASSIGNED } from "./rules.js";

/** @typedef {import("./numbers.js").Span} Span */

const LONGEST_PREFIX = 64;

// Blanks are what Python calls so, `[\t-\r\x1c- ]`: `\s` of JavaScript has others.
const FLAG = /[\w.-]{0,40}[ \t]{1,4}(?=[^\t-\r\x1c- -])/y;
const TAG = /[^> ]{0,64}>(?=[^<]+<)/y;
const STOPS = /[\t-\r\x1c- &;,"'`<>]/;
const COOKIES = /[^\t-\r\x1c- ;"'`]+(?:; ?[^\t-\r\x1c- ;"'`]+)*/y;
const SCHEME =
  /(?:digest|signature|oauth|hawk|aws4-)[^\r\n]*|(?:bearer|basic|token|apikey|negotiate|bot|key)[ \t]+(?=[^\t-\r\x1c- ])/iy;
const QUOTE = /[bruf]{0,2}(\\*)(["'`])/iy;
/** `Token::Type`, `secret://`, a comparison. */
const CODE = /[:=]|\/\//y;
const SCALAR = /^(?:\d{4}-\d\d-\d\dT[\d:.Z+-]{0,24}|-?\d[\d.]{0,24})$/;
const ABSENT = /^(?:[^a-z\d\x80-\uffff]*|null|none|undefined|nan)$/i;

/** Whether a value under a number's name is a number, a boolean or a time. @param {any} value */
export const isScalar = (value) =>
  typeof value === "string" ? SCALAR.test(value) : typeof value !== "object";

/**
 * Return where a match that begins exactly at `start` ends, or nothing.
 *
 * @param {RegExp} pattern sticky
 * @param {string} text
 * @param {number} start
 */
function matchEnd(pattern, text, start) {
  pattern.lastIndex = start;
  return pattern.test(text) ? pattern.lastIndex : 0;
}

/**
 * Return where a value without quotes ends: at a blank or a sign that is not in the bracket which
 * it begins with, less the brackets that it does not open.
 *
 * @param {string} text @param {number} start
 */
function plainEnd(text, start) {
  let end = start;
  let depth = 0;
  for (let index = start; index < text.length; index++) {
    const char = text[index];
    if (!depth && STOPS.test(char)) break;
    if (/[{[(]/.test(char) && (depth || index === start)) depth++;
    else if (/[}\])]/.test(char)) {
      if (!depth) continue;
      depth--;
    } else if (char === "\\") continue;
    end = index + 1;
  }
  return end;
}

/**
 * Return where the value at `start` begins and ends, without its quotes; nothing for an absent
 * value and for what is code, not a value.
 *
 * @param {string} text @param {number} start @param {string} name
 * @returns {Span | undefined}
 */
function valueSpan(text, start, name) {
  QUOTE.lastIndex = start;
  const quote = QUOTE.exec(text);
  if (quote) {
    const close = quote[1] + quote[2];
    let end = (start = QUOTE.lastIndex);
    while (end < text.length && !text.startsWith(close, end)) end += text[end] === "\\" ? 2 : 1;
    return [start, Math.min(end, text.length)];
  }
  if (matchEnd(CODE, text, start)) return;
  // A header's value has parts. Behind another sign than a colon it is no header.
  const header = text.slice(start - 3, start).includes(":") ? name : "";
  const head = /cookie/i.test(header)
    ? matchEnd(COOKIES, text, start)
    : /authorization/i.test(header) && matchEnd(SCHEME, text, start);
  const end = Math.max(plainEnd(text, start), plainEnd(text, head || start));
  if (!ABSENT.test(text.slice(start, end))) return [start, end];
}

/**
 * Return the function that finds the secret which a name announces in running text:
 * `password=...`, headers, flags, markup.
 *
 * @param {import("./names.js").NameTest} verdictOf
 * @returns {(text: string, start: number, wordEnd: number) => Span | undefined} the span of the
 *   secret that the word at `start` announces
 */
export function createAssignments(verdictOf) {
  return (text, start, wordEnd) => {
    // The whole name: `user[new_password]`, not only `password`.
    const [, opens, before] = /** @type {RegExpExecArray} */ (
      /(<?)([\w.\-[\]]*)$/.exec(text.substring(start - LONGEST_PREFIX, start))
    );
    const name = before + /^[\w.\-[\]]*/.exec(text.slice(start));
    const tagEnd = opens && matchEnd(TAG, text, wordEnd);
    const value =
      matchEnd(ASSIGNED, text, wordEnd) ||
      tagEnd ||
      (name.startsWith("--") && matchEnd(FLAG, text, wordEnd));
    const verdict = value ? verdictOf(name) : KEEP;
    if (!value || !verdict) return;
    /** @type {Span | undefined} */
    const span =
      value === tagEnd ? [value, text.indexOf("<", value)] : valueSpan(text, value, name);
    if (span && !(verdict === MASK_TEXT && isScalar(text.slice(...span)))) return span;
  };
}
