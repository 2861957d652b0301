import { ACCOUNTS, CARDS } from "./rules.js";

/** @typedef {[start: number, end: number]} Span */

/** @param {string} text @param {number} start whether the number goes on to the left */
export const touchesBefore = (text, start) =>
  /(?:\d[.-]|[a-z\d])$/i.test(text.slice(Math.max(0, start - 2), start));

/** @param {string} text @param {number} end whether the number goes on to the right */
export const touchesAfter = (text, end) => /^(?:[.-]\d|[a-z\d])/i.test(text.slice(end, end + 2));

/**
 * Whether digits are a card number: the check digit (Luhn), a known issuer, its length.
 *
 * @param {string} digits
 */
export function isCard(digits) {
  const { length } = digits;
  let sum = 0;
  for (let index = 0; index < length; index++) {
    const digit = +digits[length - 1 - index];
    sum += index % 2 ? (digit * 2) % 9 || digit : digit;
  }
  return length > 12 && sum % 10 === 0 && CARDS.test(digits);
}

/**
 * Find cards and dashed SSNs in a run of digits, single blanks and dashes.
 *
 * @param {string} text @param {number} start @param {number} end
 */
export function findNumbers(text, start, end) {
  const run = text.slice(start, end);
  // A long run is a dump of numbers, in which only those count that look as people write them.
  const isDump = run.replace(/\d/g, "").length > 16;
  /** @type {Span[]} */
  const found = [];
  let last = 0;
  for (const { index = 0 } of run.matchAll(/\d+/g)) {
    const begin = start + index;
    const stop = begin < last ? 0 : numberEnd(text, begin, isDump);
    if (stop) found.push([begin, (last = stop)]);
  }
  return found;
}

/**
 * Return where the card or SSN that begins at `start` ends, 0 where none does.
 *
 * @param {string} text @param {number} start @param {boolean} isDump
 */
function numberEnd(text, start, isDump) {
  if (touchesBefore(text, start)) return 0;
  if (/^\d{3}-\d\d-\d{4}(?![a-z\d]|[.-]\d)/i.test(text.slice(start, start + 13))) return start + 11;
  const group = /(\d+)([ -]?)/y;
  group.lastIndex = start;
  let best = 0;
  let digits = "";
  let first = "";
  let match;
  while ((match = group.exec(text))) {
    const [, some, separator] = match;
    const end = match.index + some.length;
    const isOne = !digits && some.length > 12;
    digits += some;
    if (some.length < 2 || (some.length > 7 && !isOne) || digits.length > 19) break;
    if (isCard(digits) && !touchesAfter(text, end)) {
      const looks = text.slice(start, end).replace(/\d/g, "d");
      if (!isDump || isOne || /^d{4}([ -])(?:d{4}\1d{4}\1d{4}|d{6}\1d{4,5})$/.test(looks))
        best = end;
    }
    first = first || separator;
    // Behind a dash it is inside a UUID.
    if (isOne || !separator || separator !== first || first + text[start - 1] === "--") break;
  }
  return best;
}

/**
 * Return where the bank account that begins at `start` ends, 0 where none does.
 *
 * @param {string} text @param {number} start @param {number} end
 */
export function accountEnd(text, start, end) {
  const country = text.slice(start, start + 2);
  const length = +(RegExp(`(\\d\\d)(?:[A-Z]{2})*${country}`).exec(ACCOUNTS) || [])[1];
  let account = "";
  for (let position = start; position < end; position++) {
    account += text[position].trim();
    if (account.length === length)
      return /[a-z\d]/i.test((text[position + 1] || " ") + (text[start - 1] || " ")) ||
        /[a-z]/.test(account) ||
        !passesMod97(account)
        ? 0
        : position + 1;
  }
  return 0;
}

/** @param {string} account ISO 13616 */
function passesMod97(account) {
  let rest = 0;
  for (const char of account.slice(4) + account.slice(0, 4))
    for (const digit of `${parseInt(char, 36)}`) rest = (rest * 10 + +digit) % 97;
  return rest === 1;
}
