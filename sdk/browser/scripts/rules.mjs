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

/** All kinds of private keys, by the words that they have in common, to the end of the block. */
const privateKey = (pattern) =>
  `${pattern.replace(/\(\?:((?:[A-Z ]*PRIVATE\|?)+)\) KEY.*/, "[A-Z ]*PRIVATE KEY")}[^]*?(?:-----END[^]{2,}?-----|$)`;

/** `(?:api|ssh)_key|pass_(?:word|wd)`: words that share an end or a beginning. */
function grouped(words) {
  const byPart = new Map();
  for (const word of words) {
    const [first, last] = word.split("_");
    const key = !last ? word : first === "pass" ? "pass_*" : `*_${last}`;
    const part = first === "pass" ? last : first;
    byPart.set(key, [...(byPart.get(key) ?? []), part]);
  }
  return [...byPart]
    .map(([key, parts]) => key.replace("*", parts[1] ? `(?:${parts.join("|")})` : parts[0]))
    .join("|");
}

/** The sign behind a name, its three escaped forms in one: they are matched in any case. */
const sign = (pattern) =>
  pattern
    .replace("|%5[Dd]%3[DdAa]|\\]%3[DdAa]|%3[DdAa]", "|(?:%5d|\\])?%3[da]")
    .replace("%5[Dd]", "%5d");

/**
 * What a page says of a secret without telling it. The rule file knows more such names, for servers;
 * what a page calls by those is masked.
 */
const COMMON = new Set(
  (
    "type types name names status state endpoint version enabled required " +
    "valid invalid expired missing error errors js ts " +
    "count counts length in at on limit limits max min total expires expiry expiration ttl " +
    "changed set has is used remaining consent"
  ).split(" "),
);

/** `types?`: a word and its plural. */
const plurals = (words) =>
  [...new Set(words)]
    .filter((word) => COMMON.has(word))
    .filter((word) => !words.includes(word.replace(/s$/, "")) || !word.endsWith("s"))
    .map((word) => (words.includes(`${word}s`) ? `${word}s?` : word))
    .join("|");

/** What all card numbers have: how they begin, how long they are. */
function cards(ranges) {
  const firsts = new Set(ranges.map(({ first }) => first[0]));
  const lengths = ranges.flatMap((range) => range.lengths);
  return `^[${[...firsts].sort().join("")}]\\d{${Math.min(...lengths) - 1},${Math.max(...lengths) - 1}}$`;
}

/** One pattern that says by its groups what to do with a foreign character. */
function folds({ drop, dash, space, compat }) {
  const escape = (code) => {
    const hex = code.replace(/^0+/, "");
    return hex.length > 4
      ? `\\u{${hex}}`
      : hex.length > 2
        ? `\\u${hex.padStart(4, "0")}`
        : `\\x${hex}`;
  };
  const among = (spans) =>
    `[${spans.map((span) => [...new Set(span)].map(escape).join("-")).join("")}]`;
  // All blanks, and all that nobody sees: those blanks that the file does not know normalise to
  // themselves.
  const areAll = (spans, property) =>
    spans.every(([first, last]) => {
      for (let code = parseInt(first, 16); code <= parseInt(last, 16); code++)
        if (!property.test(String.fromCodePoint(code))) return false;
      return true;
    });
  if (!areAll(space, /\p{Zs}/u)) throw new Error("rules.json folds a blank that is none");
  if (!areAll(drop, /\p{DI}/u)) throw new Error("rules.json drops what can be seen");
  return `(\\p{DI})|(${among(dash)})|[\\p{Zs}${among(compat).slice(1)}`.replace(
    /\\[ux][^\\]+/g,
    (code) => code.toLowerCase(),
  );
}

/** Return the text of the module. */
export function compactRules() {
  const rules = JSON.parse(readFileSync(SOURCE, "utf8"));
  const { names } = rules;
  const found = Object.fromEntries(rules.patterns.map((one) => [one.name, short(one.pattern)]));
  const patterns = [
    found.jwt,
    privateKey(found.private_key),
    `${found.bearer}|${found.basic}`,
    found.url_credentials,
    found.digits.replace(",}", "}"), // the rest is looked at from there
    found.iban,
  ];
  const constants = {
    MARK: JSON.stringify(rules.replacement),
    WORDS: JSON.stringify(grouped(names.words)),
    // What only adds a digit is found without it.
    SHORT_WORDS: JSON.stringify(names.short_words.filter((word) => !/\d/.test(word)).join("|")),
    // The group: names whose values stay, whatever they are.
    DESCRIBES: literal(
      `_(?:(${plurals(names.descriptors)})|${plurals(names.scalar_descriptors)})$|^(?:${plurals(names.scalar_heads)})_|(?:^|_)tokens$`,
      "i",
    ),
    PATTERNS: literal(patterns.map((pattern) => `(${pattern})`).join("|"), ""),
    // Behind any word, not only behind those two.
    SSN: literal(
      `${found.ssn.replace(/^.*?\)(.*?)(\\d\{3}.*)$/, "$1($2)")}(?![a-z\\d]|[.-]\\d)`,
      "iy",
    ),
    SEPARATOR: JSON.stringify(rules.separator),
    ASSIGNED: literal(rules.name_tail + sign(rules.sign), "iy"),
    CARDS: literal(cards(rules.cards), ""),
    FOLD: literal(folds(rules.fold), "gu"),
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
