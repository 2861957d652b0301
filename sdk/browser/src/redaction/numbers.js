import { CARDS } from "./rules.js";

/** @typedef {[start: number, end: number]} Span */

const ACCOUNT = /[A-Z\d]{1,34}(?: [A-Z\d]{1,34}(?![\w-]|\.\d)){0,15}/y;
/** Digits in groups as people write them: some of the same separator, or all in one. */
const NUMBER = /\d{1,20}(?:([ -])\d{2,7}(?:\1\d{2,7}){0,8})?/y;

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
 * Whether letters and digits are a bank account: ISO 13616 knows it by its check digits.
 *
 * @param {string} account
 */
const isAccount = (account) =>
  /^.{15,34}$/.test(account) &&
  [...account.slice(4), ...account.slice(0, 4)].reduce(
    (rest, char) => (rest * (char > "9" ? 100 : 10) + parseInt(char, 36)) % 97,
    0,
  ) === 1;

/**
 * Return what finds the longest number that begins at a place.
 *
 * @param {RegExp} pattern sticky, of all groups that may belong to it
 * @param {(signs: string, found: string, before: string) => boolean} isOne
 * @param {boolean} [takesAll] the groups that follow go with it
 * @returns {(text: string, start: number) => Span | undefined}
 */
const longest = (pattern, isOne, takesAll) => (text, start) => {
  pattern.lastIndex = start;
  const [all] = pattern.exec(text) || [""];
  for (let found = all; found; found = found.replace(/(?:^|[ -])\w+$/, ""))
    if (
      isOne(found.replace(/\W/g, ""), found, text[start - 1]) &&
      !touches(text, start, start + found.length)
    )
      return [start, start + (takesAll ? all : found).length];
};

/** A card or an SSN, in groups as people write them. */
export const numberSpan = longest(
  NUMBER,
  (digits, found, before) =>
    // Behind a dash it is inside a UUID.
    /^\d{3}-\d\d-\d{4}$/.test(found) || (!/^-\d+-/.test(before + found) && isCard(digits)),
);

/** A bank account, and the digits that follow: by its check digits alone its end is not certain. */
export const accountSpan = longest(ACCOUNT, isAccount, true);
