import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { CARDS } from "../../src/redaction/rules.js";
import { createRedaction } from "../../src/redaction/walk.js";
import { compactRules } from "../../scripts/rules.mjs";

const VECTORS = JSON.parse(
  readFileSync(new URL("../../../../libs/common/redaction/vectors.json", import.meta.url), "utf8"),
);

test("the compact rules are those of the rule file", () => {
  const rules = readFileSync(new URL("../../src/redaction/rules.js", import.meta.url), "utf8");
  assert.equal(rules, compactRules());
});

test("what the rule file knows as a card is one here, whatever its issuer", () => {
  const source = new URL("../../../../libs/common/redaction/rules.json", import.meta.url);
  const { cards } = JSON.parse(readFileSync(source, "utf8"));
  for (let length = 12; length < 21; length++)
    for (let start = 0; start < 10_000; start++) {
      const digits = `${start}`.padStart(4, "0").padEnd(length, "7");
      const isIssued = cards.some(({ first, last, lengths }) => {
        const lead = digits.slice(0, first.length);
        return lengths.includes(length) && lead >= first && lead <= last;
      });
      assert.ok(CARDS.test(digits) || !isIssued, digits);
    }
  assert.ok(!CARDS.test("1700000000000")); // a time in milliseconds
});

for (const { name, input, output, hits } of VECTORS) {
  test(`vector: ${name}`, () => {
    let count = 0;
    const redact = createRedaction({}, () => count++);
    const redacted = redact(input);
    assert.equal(JSON.stringify(redacted), JSON.stringify(output));
    assert.equal(
      count,
      Object.values(hits).reduce((sum, one) => sum + one, 0),
    );
    assert.equal(JSON.stringify(redact(redacted)), JSON.stringify(output));
  });
}

test("an installation's own names and patterns", () => {
  let count = 0;
  const redact = createRedaction(
    {
      keys: ["employeeNumber"],
      patterns: [/EMP-[0-9]{6}/],
      replace: "***",
    },
    () => count++,
  );
  assert.deepEqual(
    { ...redact({ employee_number: 7, note: "of EMP-123456." }) },
    { employee_number: "***", note: "of ***." },
  );
  assert.equal(count, 2);
});

test("numbers and accounts of any length and grouping come to an end", () => {
  const redact = createRedaction();
  for (const group of [
    "4",
    "41",
    "411",
    "4111",
    "41111",
    "4111111",
    "41111111",
    "DE89",
    "GB82 WEST",
    "DE893704",
  ])
    for (const separator of [" ", "-", "  ", ""])
      for (let length = 10; length < 60; length++) {
        const text = (group + separator).repeat(60).slice(0, length);
        const redacted = redact(`${text}.`);
        assert.equal(redact(redacted), redacted);
      }
});
