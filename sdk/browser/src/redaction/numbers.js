import { CARDS, IBAN_LENGTHS } from "./rules.js";

/** @typedef {[start: number, end: number, rule: string]} Found */

const NUMBER =
  "\\d{3}-\\d{2}-\\d{4}|\\d{4} \\d{4} \\d{4} \\d{4}|\\d{4}-\\d{4}-\\d{4}-\\d{4}|\\d{4} \\d{6} \\d{4,5}|\\d{4}-\\d{6}-\\d{4,5}";

/** @param {string} text @param {number} start whether the number goes on to the left */
export const touchesBefore = (text, start) =>
  /(?:\d[.-]|[a-z0-9])$/i.test(text.slice(Math.max(0, start - 2), start));

/** @param {string} text @param {number} end whether the number goes on to the right */
export const touchesAfter = (text, end) => /^(?:[.-]\d|[a-z0-9])/i.test(text.slice(end, end + 2));

/** @param {string} digits */
function passesLuhn(digits) {
  let sum = 0;
  for (let index = 0; index < digits.length; index++) {
    const digit = +digits[digits.length - 1 - index];
    sum += index % 2 ? (digit * 2) % 9 || digit : digit;
  }
  return sum % 10 === 0;
}

/**
 * Return what tells whether digits are a card number: a known issuer, its length, the check digit.
 *
 * @returns {(digits: string) => boolean}
 */
export function createCardTest() {
  const ranges = CARDS.split(" ").map((one) => {
    const [first, last, lengths] = one.split(/[-:]/);
    return { first, last, lengths: lengths.split(",") };
  });
  return (digits) => {
    const range = ranges.find(({ first, last, lengths }) => {
      const lead = digits.slice(0, first.length);
      return lengths.includes(`${digits.length}`) && lead >= first && lead <= last;
    });
    return !!range && passesLuhn(digits);
  };
}

/**
 * Return what finds cards and dashed SSNs in a run of digits, single blanks and dashes.
 *
 * @param {(digits: string) => boolean} isCard
 * @returns {(text: string, start: number, end: number) => Found[]}
 */
export function createDigitCheck(isCard) {
  const one = RegExp(`(?:${NUMBER}|\\d{13,19})`, "y");
  const shapes = RegExp(`${NUMBER}|\\d{13,}`, "g");

  /**
   * Return the whole run when it is one card or SSN: the ordinary case, not taken apart.
   * @param {string} text @param {number} start @param {number} end
   * @returns {Found | undefined}
   */
  const whole = (text, start, end) => {
    one.lastIndex = start;
    const number = (one.exec(text.slice(0, end)) || "")[0];
    if (!number || touchesBefore(text, start)) return;
    const stop = start + number.length;
    if (/\d/.test(text.slice(stop, end)) || touchesAfter(text, stop)) return;
    if (number.length === 11 && number[3] === "-") return [start, stop, "ssn"];
    if (number.includes("-") && text[start - 1] === "-") return;
    if (isCard(number.replace(/\D/g, ""))) return [start, stop, "card"];
  };

  /**
   * Find numbers of the usual shapes in a long run, such as a dump of numbers.
   * @param {string} text @param {number} start @param {number} end
   */
  const long = (text, start, end) => {
    /** @type {Found[]} */
    const found = [];
    const run = text.slice(0, end);
    let match;
    for (shapes.lastIndex = start; (match = shapes.exec(run));) {
      const hit = whole(text, match.index, shapes.lastIndex);
      if (hit) found.push(hit);
      else while (/\d/.test(run[shapes.lastIndex] || "")) shapes.lastIndex++;
    }
    return found;
  };

  return (text, start, end) => {
    const hit = whole(text, start, end);
    if (hit) return [hit];
    const run = text.slice(start, end);
    if (run.replace(/\d/g, "").length > 16) return long(text, start, end);
    const groups = [...run.matchAll(/\d+/g)].map((match) => {
      const begin = start + /** @type {number} */ (match.index);
      return /** @type {[number, number]} */ ([begin, begin + match[0].length]);
    });
    /** @type {Found[]} */
    const found = [];
    for (let index = 0; index < groups.length; index++) {
      const [last, rule] = findNumber(text, groups, index, isCard);
      if (last >= 0) {
        found.push([groups[index][0], groups[last][1], rule]);
        index = last;
      }
    }
    return found;
  };
}

/**
 * @param {string} text @param {[number, number][]} groups @param {number} first
 * @param {(digits: string) => boolean} isCard
 * @returns {[last: number, rule: string]} -1 where no number begins
 */
function findNumber(text, groups, first, isCard) {
  const [start, end] = groups[first];
  const size = end - start;
  if (touchesBefore(text, start)) return [-1, ""];
  if (size > 12) {
    const isWhole = size < 20 && !touchesAfter(text, end) && isCard(text.slice(start, end));
    return [isWhole ? first : -1, "card"];
  }
  const separator = text[end];
  if (!/[ -]/.test(separator || "") || size < 2) return [-1, ""];
  if (/^\d{3}-\d{2}-\d{4}(?![a-z0-9]|[.-]\d)/i.test(text.slice(start, start + 13)))
    return [first + 2, "ssn"];
  let best = -1;
  // Behind a dash it is inside a UUID or a longer number.
  if (size > 7 || (separator === "-" && text[start - 1] === "-")) return [best, ""];
  let digits = text.slice(start, end);
  for (let index = first + 1; index < groups.length; index++) {
    const [begin, stop] = groups[index];
    const length = stop - begin;
    if (begin !== groups[index - 1][1] + 1 || text[begin - 1] !== separator) break;
    if (length < 2 || length > 7 || digits.length + length > 19) break;
    digits += text.slice(begin, stop);
    if (digits.length > 12 && !touchesAfter(text, stop) && isCard(digits)) best = index;
  }
  return [best, "card"];
}

/** @returns {(text: string, start: number, end: number) => Found[]} finds one bank account */
export function createIbanCheck() {
  /** @type {Record<string, number>} */
  const lengths = {};
  IBAN_LENGTHS.replace(/(..)(\d\d)/g, (_, country, length) => ((lengths[country] = +length), ""));
  return (text, start, end) => {
    const length = lengths[text.slice(start, start + 2)];
    if (!length || /[a-z0-9]/i.test(text[start - 1] || "")) return [];
    let account = "";
    for (let position = start; position < end; position++) {
      if (text[position] !== " ") account += text[position];
      if (account.length === length)
        return /[a-z0-9]/i.test(text[position + 1] || "") || !passesMod97(account)
          ? []
          : [[start, position + 1, "iban"]];
    }
    return [];
  };
}

/** @param {string} account ISO 13616 */
function passesMod97(account) {
  let rest = 0;
  for (const char of account.slice(4) + account.slice(0, 4))
    for (const digit of `${parseInt(char, 36)}`) rest = (rest * 10 + +digit) % 97;
  return rest === 1;
}
