import { CARDS } from "./rules.js";

/** @typedef {[start: number, end: number]} Span */

const ACCOUNT = /[A-Z\d]{1,34}(?: [A-Z\d]{1,34}(?![\w-]|\.\d)){0,15}/y;
const GROUP = /(\d+)([ -]?)/y;

/** @param {string} text @param {number} start @param {number} end whether the number goes on */
const touches = (text, start, end) =>
  /(?:\d[.-]|[a-z\d])\0|\0(?:[.-]\d|[a-z\d])/i.test(
    `${text.substring(start - 2, start)}\0${text.slice(end, end + 2)}`,
  );

/**
 * Whether digits are a card number: a known beginning, its length, the check digit (Luhn).
 *
 * @param {string} digits
 */
export const isCard = (digits) =>
  CARDS.test(digits) &&
  [...digits]
    .reverse()
    .reduce((sum, digit, index) => sum + ((index % 2 && (+digit * 2) % 9) || +digit), 0) %
    10 ===
    0;

/**
 * Return the card or SSN that begins at `start`: the longest, in groups as people write them; where
 * none does an empty span behind the first group, in which no other begins.
 *
 * @param {string} text @param {number} start
 * @returns {Span}
 */
export function numberSpan(text, start) {
  let digits = "";
  let first = "";
  let next = start;
  let stop = start;
  let match;
  for (GROUP.lastIndex = start; (match = GROUP.exec(text));) {
    const [, group, separator] = match;
    const end = match.index + group.length;
    const isOne = !digits && group.length > 12;
    digits += group;
    if (!first) [first, next] = [separator, end];
    if (group.length < 2 || (group.length > 7 && !isOne) || digits.length > 19) break;
    // Behind a dash it is inside a UUID.
    const isInside = first + text[start - 1] === "--";
    const isFound =
      /^\d{3}-\d\d-\d{4}$/.test(text.slice(start, end)) || (!isInside && isCard(digits));
    if (isFound && !touches(text, start, end)) stop = end;
    if (isOne || !separator || separator !== first) break;
  }
  return stop > start ? [start, stop] : [next, next];
}

/**
 * Return the bank account that begins at `start`. ISO 13616 knows it by its check digits: a longer
 * one than it is may have right ones by chance, but no part of it is left.
 *
 * @param {string} text @param {number} start
 * @returns {Span | 0}
 */
export function accountSpan(text, start) {
  ACCOUNT.lastIndex = start;
  const [all] = ACCOUNT.exec(text) || [""];
  let length = 0;
  let head = 0;
  let rest = 0;
  let end = 0;
  for (let index = 0; index < all.length && length < 34; index++) {
    const digits = parseInt(all[index], 36);
    if (!(digits >= 0)) continue; // a blank
    const factor = digits > 9 ? 100 : 10;
    if (++length < 5) head = head * factor + digits;
    else rest = (rest * factor + digits) % 97;
    // Its beginning, two letters and two digits, stands behind the rest.
    if (length > 14 && (rest * 1e6 + head) % 97 === 1 && !touches(text, start, start + index + 1))
      end = start + index + 1;
  }
  return end && [start, end];
}
