import { FOLD } from "./rules.js";

/**
 * Return a text as rules are matched on it: invisible characters vanish, look-alikes become the
 * letter, blank or dash that they stand for. What else is foreign stays, and is neither letter,
 * digit, blank nor punctuation to any rule.
 *
 * @param {string} text
 */
export const fold = (text) =>
  text.replace(FOLD, (found, drop, dash) => (drop ? "" : dash ? "-" : found.normalize("NFKC")));
