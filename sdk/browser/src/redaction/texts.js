import { createAssignments, matchEnd } from "./assignments.js";
import { isAscii } from "./fold.js";
import { allWords } from "./names.js";
import { createDigitCheck, createIbanCheck, touchesAfter, touchesBefore } from "./numbers.js";
import { CANDIDATES, MARK, PATTERNS, SHORT_WORDS } from "./rules.js";

/** @typedef {import("./numbers.js").Found} Found */
/** @typedef {Record<string, number>} Hits replacements by rule */
/** @typedef {(text: string, start: number, end: number) => Found[]} Check */

const MAX_PASSES = 8;
const RAW_SEPARATOR = "[^A-Za-z0-9]{0,6}";

/** @param {string} words */
const inBothCases = (words) =>
  words.replace(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`);

/**
 * What a pattern found is judged here: is it really a token, and which part of it is the secret?
 *
 * @param {(digits: string) => boolean} isCard
 * @returns {Record<string, Check>}
 */
const createChecks = (isCard) => ({
  digits: createDigitCheck(isCard),
  iban: createIbanCheck(),

  // A signed or encrypted token has two dots or more between parts that are not empty.
  jwt(text, start, end) {
    const [first, second = ""] = text.slice(start, end).replace(/\.+$/, "").split(".");
    return first.length < 8 || second.length < 4 ? [] : [[start, end, "jwt"]];
  },

  // Not prose such as `bearer of news`.
  bearer(text, start, end) {
    const value = text.slice(start + 6, end).trim();
    return value.length < 16 && !/\d/.test(value) ? [] : [[end - value.length, end, "bearer"]];
  },

  // User and password, that is base64 with a colon inside, not prose such as `basic plan`.
  basic(text, start, end) {
    const value = text.slice(start + 5, end).trim();
    try {
      const base64 = value.replace(/=+$/, "").replace(/-/g, "+").replace(/_/g, "/");
      if (value.length > 3 && atob(base64).includes(":"))
        return [[end - value.length, end, "basic"]];
    } catch {
      // no base64
    }
    return [];
  },

  // The whole block; one that was cut off counts to the end of the text.
  private_key(text, start, end) {
    const close = text.indexOf("-----END", end);
    const stop = close < 0 ? -1 : text.indexOf("-----", close + 8);
    return [[start, stop < 0 ? text.length : stop + 5, "private_key"]];
  },

  // The password of `scheme://user:password@host`, or a user that looks like a token itself.
  url_credentials(text, start, end) {
    const at = text.lastIndexOf("@", end - 1);
    const colon = text.slice(0, at).indexOf(":", start + 3);
    const begin = colon < 0 ? start + 3 : colon + 1;
    return (colon < 0 ? at - start >= 23 : at > begin) ? [[begin, at, "url_credentials"]] : [];
  },

  // Nine digits after a word that says what they are; blanks and dashes between them are fine.
  ssn_context(text, start, end) {
    let position = end;
    for (let count = 0; count < 9;) if (/\d/.test(text[--position])) count++;
    return touchesBefore(text, position) ||
      touchesAfter(text, end) ||
      /[a-z]/i.test(text[start - 1] || "")
      ? []
      : [[position, end, "ssn"]];
  },
});

/**
 * Return the function that replaces the secrets of a text and counts them by rule.
 *
 * One search finds where a rule may begin, then that rule is asked.
 *
 * @param {ReturnType<typeof import("./fold.js").createFold>} fold
 * @param {import("./names.js").NameTest} verdictOf
 * @param {(digits: string) => boolean} isCard
 * @param {import("../types.js").RedactOptions} options
 * @returns {(text: string, hits: Hits) => string}
 */
export function createTexts(fold, verdictOf, isCard, options) {
  const words = inBothCases(allWords(options.keys).join("|")).replace(/_/g, RAW_SEPARATOR);
  const candidates = RegExp(
    CANDIDATES.join("|")
      .replace("{words}", words)
      .replace("{short_words}", inBothCases(SHORT_WORDS)),
    "g",
  );
  const checks = createChecks(isCard);
  /** @type {Record<string, [RegExp, Check]>} */
  const patterns = {};
  for (const [name, pattern, flags, check] of PATTERNS)
    patterns[name] = [RegExp(pattern, flags), checks[check]];
  const custom = (options.patterns || []).map((one) =>
    RegExp(one.source, one.flags.replace(/[gy]/g, "") + "g"),
  );
  const assigned = createAssignments(verdictOf);

  /**
   * @param {string} name @param {string} text @param {number} start @param {number} end
   * @returns {[Found[], number]}
   */
  const anchored = (name, text, start, end) => {
    const [pattern, check] = patterns[name];
    let stop = matchEnd(pattern, text, start);
    if (stop < 0) return [[], end];
    const hits = check(text, start, stop);
    // The blanks and dashes behind the last digit may begin something else.
    if (name === "digits") while (/[ -]/.test(text[stop - 1])) stop--;
    else if (name !== "jwt") stop = hits.length ? Math.max(hits[hits.length - 1][1], end) : end;
    return [hits, stop];
  };

  /**
   * @param {string} text @param {number} start @param {number} end
   * @returns {[Found[], number]}
   */
  const named = (text, start, end) => {
    let wordEnd = Math.min(end, text.length);
    // A short word is found with the character behind it.
    while (wordEnd > start && !/[a-z0-9]/i.test(text[wordEnd - 1])) wordEnd--;
    const span = assigned(text, start, wordEnd);
    if (span) return [[[...span, "assignment"]], Math.max(span[1], end)];
    return /s/i.test(text[start]) ? anchored("ssn", text, start, end) : [[], wordEnd];
  };

  /**
   * Ask the rules that may begin at a candidate; return their finds and where to go on.
   * @param {string} text @param {number} start @param {number} end
   * @returns {[Found[], number]}
   */
  const ask = (text, start, end) => {
    if (/[^a-z0-9]/i.test(text[start])) {
      if (text[start] === ":") return anchored("url_credentials", text, start, end);
      if (text.startsWith("-----BEGIN", start)) return anchored("private_key", text, start, end);
      start += text[start] === "\\" ? 2 : 1;
    }
    if (/\d/.test(text[start] || "")) return anchored("digits", text, start, end);
    const lead = text.slice(start, start + 4);
    const name = /^eyj/i.test(lead)
      ? "jwt"
      : /^bea/i.test(lead)
        ? "bearer"
        : /^bas/i.test(lead)
          ? "basic"
          : /^[A-Z].\d\d/.test(lead) && "iban";
    if (name) {
      const answer = anchored(name, text, start, end);
      if (answer[0].length || name === "jwt") return answer;
    }
    return named(text, start, end);
  };

  /** @param {string} text ASCII */
  const find = (text) => {
    const data = `\0${text}\0`;
    /** @type {Found[]} */
    let found = [];
    for (const pattern of custom)
      for (const match of text.matchAll(pattern))
        if (match[0])
          found.push([Number(match.index), Number(match.index) + match[0].length, "custom"]);
    let match;
    for (candidates.lastIndex = 0; (match = candidates.exec(data));) {
      const [hits, resume] = ask(text, Math.max(0, match.index - 1), candidates.lastIndex - 1);
      found = found.concat(hits);
      candidates.lastIndex = Math.max(resume, match.index) + 1;
    }
    return merged(found);
  };

  return (text, hits) => {
    for (let pass = 0, again = true; again && pass < MAX_PASSES; pass++) {
      again = false;
      const folded = isAscii(text) ? undefined : fold(text);
      const copy = folded ? folded.text : text;
      let result = "";
      let end = 0;
      for (const [start, stop, rule] of find(copy)) {
        const begin = folded ? folded.starts[start] : start;
        const close = folded ? folded.ends[stop - 1] : stop;
        if (text.slice(begin, close) === MARK) continue;
        hits[rule] = (hits[rule] || 0) + 1;
        result += text.slice(end, begin) + MARK;
        end = close;
        // Where one secret touched another, the second may show only behind the mark: look again.
        again = again || !(isApart(copy[start - 1]) && isApart(copy[stop]));
      }
      if (end) text = result + text.slice(end);
    }
    return text;
  };
}

/** @param {string | undefined} neighbour what stands beside a secret, and cannot be part of one */
const isApart = (neighbour) => !neighbour || " \t,;:=&@'<>()".includes(neighbour);

/**
 * Return the spans in order, overlapping ones joined under the name of the first.
 * @param {Found[]} found
 */
function merged(found) {
  /** @type {Found[]} */
  const result = [];
  found.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  for (const one of found) {
    const last = result[result.length - 1];
    if (last && one[0] < last[1]) last[1] = Math.max(last[1], one[1]);
    else result.push(one);
  }
  return result;
}
