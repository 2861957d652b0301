/** Redacts JSON values, one a line, from standard input: the other half of the test of parity. */
import { createInterface } from "node:readline";

import { createRedaction } from "../src/redaction/walk.js";

const redact = createRedaction();
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity }))
  process.stdout.write(`${JSON.stringify(redact(JSON.parse(line)))}\n`);
