import { OTHER } from "./fold.js";
import { KEEP, MASK_TEXT } from "./names.js";
import { NAME_TAIL, SIGN } from "./rules.js";

/** @typedef {import("./numbers.js").Span} Span */

const LONGEST_PREFIX = 64;
const LONGEST_BRACKET = 65536;
// What Python calls a blank; `\s` of JavaScript lacks four of them. The copy is ASCII.
const BLANK = "\\s\\x1c-\\x1f";

/** @param {string} pattern */
const at = (pattern) => RegExp(pattern.replace(/~/g, BLANK), "iy");

const FLAG = at("[\\w.-]{0,40}[ \\t]{1,4}(?=[^~-])");
const PLAIN_VALUE = at("[^~&;,\"'`<>]+");
const COOKIES = at("[^~;\"'`]+(?:; ?[^~;\"'`=]+(?:=[^~;\"'`]*)?)*");
const SCHEME = at("(?:bearer|basic|token|apikey|negotiate|bot|key)[ \\t]+(?=[^~])");
const SIGNED = at("(?:digest|signature|oauth|hawk|aws4-)[^\\r\\n]*");
const QUOTE = at("(?:[bruf]{1,2}(?=[\"']))?(\\\\*)([\"'`])");
const SCALAR = /^(?:-?\d[\d.e+-]{0,24}|true|false|\d{4}-\d\d-\d\d[\dt:.z+-]*)$/i;
const ABSENT = /^(?:null|none|nil|undefined|nan|\(null\))$/i;
const SUBSTANCE = RegExp(`[a-z\\d${OTHER}]`, "i");

/**
 * Return where a match that begins exactly at `start` ends, or -1.
 *
 * @param {RegExp} pattern sticky
 * @param {string} text
 * @param {number} start
 */
function matchEnd(pattern, text, start) {
  pattern.lastIndex = start;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

/** @param {string} text @param {number} start */
function plainEnd(text, start) {
  let end = start;
  if (/[{[(]/.test(text[start])) {
    let depth = 0;
    const last = start + LONGEST_BRACKET;
    for (; end < text.length && end < last; end++) {
      if (/[{[(]/.test(text[end])) depth++;
      else if (/[}\])]/.test(text[end]) && !--depth) break;
    }
    end = depth ? text.length : end + 1;
  }
  let stop = matchEnd(PLAIN_VALUE, text, end);
  if (stop < 0) return end;
  while (stop > end && /[)\]}\\]/.test(text[stop - 1])) stop--;
  return stop;
}

/** @param {string} text @param {number} start @param {string} header */
function headerEnd(text, start, header) {
  if (/cookie/i.test(header)) return matchEnd(COOKIES, text, start);
  if (!/authorization/i.test(header)) return -1;
  const signed = matchEnd(SIGNED, text, start);
  if (signed >= 0) return signed;
  const end = matchEnd(SCHEME, text, start);
  return end < 0 ? end : plainEnd(text, end);
}

/**
 * Return where the value at `start` begins and ends, without its quotes; nothing for an absent
 * value and for what is code, not a value.
 *
 * @param {string} text @param {number} start @param {string} [header] name of a header line
 * @returns {Span | undefined}
 */
function valueSpan(text, start, header = "") {
  QUOTE.lastIndex = start;
  const quote = QUOTE.exec(text);
  if (quote) {
    start = QUOTE.lastIndex;
    const [, escape, mark] = quote;
    let end = text.indexOf(escape + mark, start);
    // An odd number of backslashes before it: the quote belongs to the value.
    while (
      !escape &&
      end > start &&
      /** @type {RegExpExecArray} */ (/\\*$/.exec(text.slice(start, end)))[0].length % 2
    )
      end = text.indexOf(mark, end + 1);
    if (end < 0) end = text.length;
    return end > start ? [start, end] : undefined;
  }
  if (/^(?:[:=]|\/\/)/.test(text.slice(start, start + 2))) return; // Token::Type, secret://, a comparison
  let end = headerEnd(text, start, header);
  if (end < 0) end = plainEnd(text, start);
  const value = text.slice(start, end);
  if (SUBSTANCE.test(value) && !ABSENT.test(value)) return [start, end];
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
  return (text, start, wordEnd) => {
    let begin = start;
    while (begin > 0 && start - begin < LONGEST_PREFIX && /[\w.\-[\]]/.test(text[begin - 1]))
      begin--;
    const tailEnd = text[wordEnd] === "=" ? wordEnd : matchEnd(NAME_TAIL, text, wordEnd);
    const value = matchEnd(SIGN, text, tailEnd);
    const isTag = text[begin - 1] === "<" && start - begin < LONGEST_PREFIX;
    const isFlag = text.startsWith("--", begin);
    if (value < 0 && !isTag && !isFlag) return;
    // The whole name: `user[new_password]`, not only `password`.
    const [whole] = /** @type {RegExpExecArray} */ (/^[\w.\-[\]]*/.exec(text.slice(begin)));
    const name = whole.replace(/^[.-]+|[.-]+$/g, "");
    const verdict = verdictOf(name);
    /** @type {Span | undefined} */
    let span;
    if (verdict === KEEP) return;
    if (value >= 0)
      span = valueSpan(text, value, text.slice(value - 3, value).includes(":") ? name : "");
    else if (isTag) {
      const close = text.slice(0, wordEnd + LONGEST_PREFIX).indexOf(">", wordEnd);
      const end = close < 0 ? -1 : text.indexOf("<", close);
      if (end > close + 1 && !text.slice(start, close).includes(" ")) span = [close + 1, end];
    } else {
      const end = matchEnd(FLAG, text, wordEnd);
      if (end >= 0) span = valueSpan(text, end);
    }
    if (span && !(verdict === MASK_TEXT && SCALAR.test(text.slice(...span)))) return span;
  };
}
