import { CARDS } from "./rules.js";

/** @typedef {[start: number, end: number]} Span */

const ACCOUNT = /[A-Z\d]{1,34}(?: [A-Z\d]{1,34}(?![\w-]|\.\d)){0,15}/y;
const GROUPS = /\d{13,19}|\d{2,7}(?:([ -])\d{2,7}(?:\1\d{2,7}){0,8})?/y;

/** @param {string} text @param {number} start @param {number} end whether the number goes on */
export const touches = (text, start, end) =>
  /(?:\d[.-]|[a-z\d])$/i.test(text.slice(Math.max(0, start - 2), start)) ||
  /^(?:[.-]\d|[a-z\d])/i.test(text.slice(end, end + 2));

/**
 * Whether digits are a card number: the check digit (Luhn), a known beginning, its length.
 *
 * @param {string} digits
 */
export function isCard(digits) {
  if (!CARDS.test(digits)) return false;
  let sum = 0;
  for (let index = digits.length, isSecond = 0; index--; isSecond ^= 1)
    sum += isSecond ? (+digits[index] * 2) % 9 || +digits[index] : +digits[index];
  return sum % 10 === 0;
}

/**
 * Return the card or SSN that begins at `start`: the longest, in groups as people write them; where
 * none does an empty span behind the first group, in which no other begins.
 *
 * @param {string} text @param {number} start
 * @returns {Span}
 */
export function numberSpan(text, start) {
  GROUPS.lastIndex = start;
  const [all, separator] = GROUPS.exec(text) || [""];
  // Behind a dash it is inside a UUID.
  const isInside = separator + text[start - 1] === "--";
  for (let run = all.slice(0, 28); run[10]; run = run.slice(0, run.lastIndexOf(separator))) {
    const end = start + run.length;
    if (
      (/^\d{3}-\d\d-\d{4}$/.test(run) || (!isInside && isCard(run.replace(/\D/g, "")))) &&
      !touches(text, start, end)
    )
      return [start, end];
  }
  const next = start + all.search(/\D|$/);
  return [next, next];
}

/**
 * Return the bank account that begins at `start`, with the digits that follow: ISO 13616 knows it
 * by its check digits, and by those alone its end is not certain.
 *
 * @param {string} text @param {number} start
 * @returns {Span | undefined}
 */
export function accountSpan(text, start) {
  ACCOUNT.lastIndex = start;
  const [all] = ACCOUNT.exec(text) || [""];
  let length = 0;
  let head = 0;
  let rest = 0;
  for (let index = 0; index < all.length && length < 34; index++) {
    const digits = parseInt(all[index], 36);
    if (!(digits >= 0)) continue; // a blank
    const factor = digits > 9 ? 100 : 10;
    if (++length < 5) head = head * factor + digits;
    else rest = (rest * factor + digits) % 97;
    // Its beginning, two letters and two digits, stands behind the rest.
    if (length > 14 && (rest * 1e6 + head) % 97 === 1 && !touches(text, start, start + index + 1))
      return [start, start + all.length];
  }
}
