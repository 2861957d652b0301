/**
 * Writes `src/redaction/rules.js`, the compact form of the one rule file that all parts redact by.
 *
 * `node scripts/rules.mjs` writes it; with `--check` it only says whether it is up to date.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const SOURCE = new URL("../../../libs/common/redaction/rules.json", import.meta.url);
const TARGET = new URL("../src/redaction/rules.js", import.meta.url);

/** Shorter ways to say the same, for patterns that match ASCII only. */
const short = (pattern) =>
  pattern
    .replaceAll("A-Za-z0-9_", "\\w")
    .replaceAll("[0-9]", "\\d")
    .replaceAll(/(?<=\[[^\]]*)0-9/g, "\\d");

const literal = (pattern, flags) => String(new RegExp(short(pattern), flags));

/** Longest first: JavaScript takes the first branch that matches. */
const ordered = (words) =>
  [...new Set(words)].sort((a, b) => b.length - a.length || (a < b ? -1 : 1));

/** Patterns of all numbers from `low` to `high`, of as many digits as both. */
function between(low, high) {
  if (low === high) return [low];
  const [first, last] = [low[0], high[0]];
  const [lowRest, highRest] = [low.slice(1), high.slice(1)];
  const behind = (digit, from, to) => between(from, to).map((rest) => digit + rest);
  if (first === last) return behind(first, lowRest, highRest);
  const [zeros, nines] = [lowRest.replace(/./g, "0"), highRest.replace(/./g, "9")];
  const from = +first + (lowRest !== zeros);
  const to = last - (highRest !== nines);
  return [
    ...(lowRest !== zeros ? behind(first, lowRest, nines) : []),
    ...(from > to ? [] : [from === to ? `${from}` : `[${from}${to - from > 1 ? "-" : ""}${to}]`]),
    ...(highRest !== nines ? behind(last, zeros, highRest) : []),
  ];
}

/** `^(?:(?=.{15}$)(?:34|37)|...)`: the beginnings of card numbers by their lengths. */
function cards(ranges) {
  const byLengths = new Map();
  for (const { first, last, lengths } of ranges) {
    const [least, most] = [lengths[0], lengths.at(-1)];
    const isSpan = most - least + 1 === lengths.length;
    const key = isSpan ? `.{${[...new Set([least, most])]}}$` : `(?:.{${lengths.join("}|.{")}})$`;
    byLengths.set(key, [...(byLengths.get(key) ?? []), ...between(first, last)]);
  }
  const branches = [...byLengths].map(([lengths, all]) => `(?=${lengths})(?:${all.join("|")})`);
  return `^(?:${branches.join("|")})`;
}

/** `15NO16BE18DKFI`: the countries by the length of their accounts. */
function accounts(lengths) {
  const byLength = {};
  for (const [country, length] of Object.entries(lengths))
    byLength[length] = (byLength[length] ?? "") + country;
  return Object.entries(byLength).flat().join("");
}

/** The classes of characters that do not stand for themselves. */
const classes = (fold) =>
  ["drop", "space", "dash", "compat"].map((action) => {
    const spans = fold[action].map((span) =>
      [...new Set(span)].map((code) => `\\u{${code.replace(/^0+/, "")}}`).join("-"),
    );
    return `/[${spans.join("")}]/u`;
  });

/** Return the text of the module. */
export function compactRules() {
  const rules = JSON.parse(readFileSync(SOURCE, "utf8"));
  const { names } = rules;
  const patterns = rules.patterns.map((one) => [one.name, short(one.pattern)]);
  const constants = {
    MARK: JSON.stringify(rules.replacement),
    WORDS: JSON.stringify(ordered(names.words).join("|")),
    SHORT_WORDS: JSON.stringify(ordered(names.short_words).join("|")),
    RUN_ON: JSON.stringify(names.run_on.join("|")),
    DESCRIPTORS: JSON.stringify([...new Set(names.descriptors)].join("|")),
    SCALAR_DESCRIPTORS: JSON.stringify(names.scalar_descriptors.join("|")),
    SCALAR_HEADS: JSON.stringify(names.scalar_heads.join("|")),
    PATTERNS: JSON.stringify(Object.fromEntries(patterns), null, 2),
    SEPARATOR: JSON.stringify(rules.separator),
    NAME_TAIL: literal(rules.name_tail, "y"),
    SIGN: literal(rules.sign, "y"),
    CARDS: literal(cards(rules.cards), ""),
    ACCOUNTS: JSON.stringify(accounts(rules.iban_lengths)),
    FOLD: `[${classes(rules.fold)}]`,
  };
  const lines = Object.entries(constants).map(
    ([name, value]) => `export const ${name} = ${value};`,
  );
  return (
    "// Made by scripts/rules.mjs from libs/common/redaction/rules.json: change that file.\n" +
    `${lines.join("\n")}\n`
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const made = compactRules();
  if (!process.argv.includes("--check")) writeFileSync(TARGET, made);
  else if (readFileSync(TARGET, "utf8") !== made) {
    console.error("src/redaction/rules.js is not what rules.json says: run node scripts/rules.mjs");
    process.exitCode = 1;
  }
}
