import { FOLD } from "./rules.js";

/** Neither letter, digit, blank nor punctuation, so that it ends no value early. */
export const OTHER = "\x1a";

/**
 * @typedef {object} Folded an ASCII copy, and where in the text each of its characters stood
 * @property {string} text
 * @property {number[]} starts
 * @property {number[]} ends
 */

/**
 * Make the function that gives the ASCII copy of a text, on which rules are matched: invisible
 * characters vanish, look-alikes become the letter they stand for, anything else becomes `OTHER`.
 *
 * @returns {(text: string) => Folded}
 */
export function createFold() {
  const ranges = FOLD.flatMap(([replacement, spans]) =>
    String(spans)
      .split(" ")
      .map((span) => {
        const [low, high] = span.split("-").map((code) => parseInt(code, 36));
        return { replacement, low, high };
      }),
  );
  /** @param {string} char */
  const folded = (char) => {
    const code = /** @type {number} */ (char.codePointAt(0));
    if (code < 128) return char;
    const range = ranges.find(({ low, high }) => code >= low && code <= high);
    if (!range) return OTHER;
    const piece = range.replacement === 0 ? char.normalize("NFKC") : String(range.replacement);
    return isAscii(piece) ? piece : OTHER;
  };
  return (text) => {
    const result = {
      text: "",
      starts: /** @type {number[]} */ ([]),
      ends: /** @type {number[]} */ ([]),
    };
    let index = 0;
    for (const char of text) {
      for (const letter of folded(char)) {
        result.text += letter;
        result.starts.push(index);
        result.ends.push(index + char.length);
      }
      index += char.length;
    }
    return result;
  };
}

/** @param {string} text */
export const isAscii = (text) => !/[^\0-\x7f]/.test(text);
