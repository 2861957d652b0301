import { FOLD } from "./rules.js";

/** Neither letter, digit, blank nor punctuation, so that it ends no value early. */
export const OTHER = "\x1a";

/**
 * Return the ASCII copy of a text, on which rules are matched, and where in the text each of its
 * characters begins: invisible characters vanish, look-alikes become the letter they stand for,
 * anything else becomes `OTHER`.
 *
 * @param {string} text
 * @returns {[copy: string, starts?: number[]]} no places where the text is its own copy
 */
export function fold(text) {
  if (!/[^\0-\x7f]/.test(text)) return [text];
  let copy = "";
  /** @type {number[]} */
  const starts = [];
  let index = 0;
  for (const char of text) {
    const letter = char.replace(FOLD, (found, drop, space, dash, compat) =>
      drop ? "" : space ? " " : dash ? "-" : compat ? found.normalize("NFKC") : OTHER,
    );
    if (/[^\0-\x7f]/.test(letter)) copy += OTHER;
    else copy += letter;
    if (letter) starts.push(index);
    index += char.length;
  }
  starts.push(index);
  return [copy, starts];
}
