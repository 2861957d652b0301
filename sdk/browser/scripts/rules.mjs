/**
 * Writes `src/redaction/rules.js`, the compact form of the one rule file that all parts redact by.
 *
 * `node scripts/rules.mjs` writes it; with `--check` it only says whether it is up to date.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const SOURCE = new URL("../../../libs/common/redaction/rules.json", import.meta.url);
const TARGET = new URL("../src/redaction/rules.js", import.meta.url);

/** Take `(?i:...)` apart, which JavaScript does not read everywhere: each letter in both cases. */
function withoutInlineFlags(pattern) {
  return pattern.replace(/\(\?i:([^()]*)\)/g, (_, inner) =>
    inner.startsWith("{")
      ? `(?:${inner})`
      : `(?:${inner.replace(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`)})`,
  );
}

/** Longest first: JavaScript takes the first branch that matches. */
const ordered = (words) =>
  [...new Set(words)].sort((a, b) => b.length - a.length || (a < b ? -1 : 1));

/** Return the text of the module. */
export function compactRules() {
  const rules = JSON.parse(readFileSync(SOURCE, "utf8"));
  const { names, fold } = rules;
  const replacements = { drop: "", space: " ", dash: "-", compat: 0 };
  const folded = Object.entries(fold).map(([action, spans]) => [
    replacements[action],
    spans.map((span) => span.map((code) => Number.parseInt(code, 16).toString(36)).join("-")),
  ]);
  const constants = {
    MARK: rules.replacement,
    WORDS: ordered(names.words).join(" "),
    SHORT_WORDS: ordered(names.short_words).join("|"),
    RUN_ON: names.run_on.join(" "),
    DESCRIPTORS: [...new Set(names.descriptors)].join(" "),
    SCALAR_DESCRIPTORS: names.scalar_descriptors.join(" "),
    SCALAR_HEADS: names.scalar_heads.join(" "),
    PATTERNS: rules.patterns.map((one) => [
      one.name,
      one.pattern,
      one.ignore_case ? "iy" : "y",
      one.check,
    ]),
    SEPARATOR: rules.separator,
    NAME_TAIL: rules.name_tail,
    SIGN: rules.sign,
    CANDIDATES: rules.candidates.map(withoutInlineFlags),
    CARDS: rules.cards.map((one) => `${one.first}-${one.last}:${one.lengths.join()}`).join(" "),
    IBAN_LENGTHS: Object.entries(rules.iban_lengths).flat().join(""),
    FOLD: folded.map(([replacement, spans]) => [replacement, spans.join(" ")]),
  };
  const lines = Object.entries(constants).map(
    ([name, value]) => `export const ${name} = ${JSON.stringify(value)};`,
  );
  return (
    "// Made by scripts/rules.mjs from libs/common/redaction/rules.json: change that file.\n" +
    "/* eslint-disable */\n" +
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
