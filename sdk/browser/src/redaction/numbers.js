import { CARDS } from "./rules.js";

/** @typedef {[start: number, end: number]} Span */

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
  let sum = 0;
  for (let index = digits.length, isSecond = 0; index--; isSecond ^= 1)
    sum += isSecond ? (+digits[index] * 2) % 9 || +digits[index] : +digits[index];
  return sum % 10 === 0 && CARDS.test(digits);
}

/**
 * Return the card or SSN that begins at `start`: the longest, in groups as people write them.
 *
 * @param {string} text @param {number} start
 * @returns {Span | undefined}
 */
export function numberSpan(text, start) {
  GROUPS.lastIndex = start;
  const [all, separator] = GROUPS.exec(text) || [""];
  // Behind a dash it is inside a UUID.
  const isInside = separator + text[start - 1] === "--";
  for (let run = all; run; run = run.replace(/(?:^|\D)\d+$/, "")) {
    const end = start + run.length;
    if (
      !touches(text, start, end) &&
      (/^\d{3}-\d\d-\d{4}$/.test(run) || (!isInside && isCard(run.replace(/\D/g, ""))))
    )
      return [start, end];
  }
}

/**
 * Return the bank account that begins at `start`, with the digits that follow: ISO 13616 knows it
 * by its check digits, and by those alone its end is not certain.
 *
 * @param {string} text @param {number} start
 * @returns {Span | undefined}
 */
export function accountSpan(text, start) {
  const groups = /[A-Z\d]+(?: [A-Z\d]+(?![\w-]|\.\d))*/y;
  groups.lastIndex = start;
  const [run] = groups.exec(text) || [""];
  for (let length = Math.min(run.length, 50); length; length--) {
    const account = run.slice(0, length).replace(/ /g, "");
    const turned = account.slice(4, 34) + account.slice(0, 4);
    if (
      turned.length > 14 &&
      !touches(text, start, start + length) &&
      BigInt(turned.replace(/[A-Z]/g, (letter) => `${parseInt(letter, 36)}`)) % 97n === 1n
    )
      return [start, start + run.length];
  }
}
