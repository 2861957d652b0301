import { FOLD } from "./rules.js";

/** Neither letter, digit, blank nor punctuation, so that it ends no value early. */
export const OTHER = "\x1a";

/** @param {string} text */
export const isAscii = (text) => !/[^\0-\x7f]/.test(text);

/**
 * Return the ASCII copy of a text, on which rules are matched, and where in the text each of its
 * characters begins: invisible characters vanish, look-alikes become the letter they stand for,
 * anything else becomes `OTHER`.
 *
 * @param {string} text
 * @returns {[copy: string, starts?: number[]]} no places where the text is its own copy
 */
export function fold(text) {
  if (isAscii(text)) return [text];
  let copy = "";
  /** @type {number[]} */
  const starts = [];
  let index = 0;
  for (const char of text) {
    for (const letter of lookAlike(char)) {
      copy += letter;
      starts.push(index);
    }
    index += char.length;
  }
  return [copy, starts];
}

/** @type {Map<string, string>} */
const known = new Map();

/** @param {string} char */
function lookAlike(char) {
  if (char < "\x80") return char;
  let piece = known.get(char);
  if (piece === undefined) {
    const kind = FOLD.findIndex((characters) => characters.test(char));
    piece = ["", " ", "-", char.normalize("NFKC")][kind] ?? OTHER;
    if (!isAscii(piece)) piece = OTHER;
    known.set(char, piece);
  }
  return piece;
}
