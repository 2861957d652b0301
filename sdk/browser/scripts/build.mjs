/**
 * Builds what the package holds: `dist/headwater.js` (ESM), `dist/headwater.iife.js` (global
 * `Headwater`), and the entries of their own: `dist/requests.js`, `dist/capture.js`, `dist/gzip.js`
 * and `dist/axios.js`. The types come from tsc. Says how large each is.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";
import { minify } from "terser";

import { PROPERTY, choose, rename } from "./names.mjs";

/**
 * Joined by esbuild, minified by terser: a twentieth smaller than by either alone. Then named anew,
 * which makes it smaller by another twenty-fifth.
 */
const PARTS = [
  { entry: "src/index.js", name: "headwater.js", format: "esm" },
  { entry: "src/all.js", name: "headwater.iife.js", format: "iife", globalName: "Headwater" },
  { entry: "src/requests.js", name: "requests.js", format: "esm" },
  { entry: "src/capture.js", name: "capture.js", format: "esm" },
  { entry: "src/gzip.js", name: "gzip.js", format: "esm" },
  { entry: "src/axios.js", name: "axios.js", format: "esm" },
];

/** Names of fields that no page, no gateway and no browser ever sees: they may become shorter. */
const INTERNAL = (
  "amount allOf back beacon begin bodyOf busy bytes counts cut drain drop end enter erase " +
  "event fits flown foreign giveBack hasTrace hold hurry inside isCut isInside keep last " +
  "leave make online orphans pending plain printed project pump repeat report retry save " +
  "severe stop summary tab takeReport tellAll textOf thrown trace trimmed ts waiting waitMs " +
  "warm write"
).split(" ");

const from = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** Where the names stand that were chosen; to choose them takes minutes, so it is done by hand. */
const NAMES = from("scripts/names.json");
const ROUNDS = 9;
const isChoosing = process.argv.includes("--names");
const chosen = JSON.parse(readFileSync(NAMES, "utf8"));

/** Return the code of one part. */
async function make({ entry, name, format, globalName }) {
  const { outputFiles } = await build({
    entryPoints: [from(entry)],
    bundle: true,
    write: false,
    format,
    globalName,
    target: "es2020",
    legalComments: "none",
  });
  // One word for both kinds of variables: terser joins what stands together, gzip knows it again.
  const joined = outputFiles[0].text
    .replace(/\bconst (?=[\w$[{])/g, "let ")
    // In a page the world is the global object, whose names need no prefix; only tests have another.
    .replace(
      /\bworld\.(?=(?:performance|Date|setTimeout|clearTimeout|localStorage|sessionStorage)\b)/g,
      "",
    );
  const marked = INTERNAL.map((name) => [`$${name}`, PROPERTY + name]);
  const { code } = await minify(joined, {
    module: format === "esm",
    toplevel: format === "esm",
    ecma: 2020,
    compress: {
      passes: 2, // more of them change nothing
      keep_fargs: false,
      // Nothing that assumes more of the code than the language does: `pure_getters` broke the outbox.
      unsafe_arrows: true,
      hoist_funs: true,
    },
    mangle: { properties: { regex: RegExp(`^(${INTERNAL.join("|")})$`), builtins: true } },
    nameCache: { props: { props: Object.fromEntries(marked) } },
    format: { ascii_only: true }, // a page may serve it as what it is not
  });
  const key = createHash("sha256").update(code).digest("hex").slice(0, 16);
  if (isChoosing && format === "esm")
    chosen[name] = { of: key, names: choose(code, ROUNDS).join(" ") };
  const known = chosen[name];
  if (known?.of === key) return rename(code, known.names.split(" "));
  if (known) console.log(`${name}: its names are of an earlier text: npm run names -w sdk/browser`);
  return rename(code, choose(code, 0));
}

mkdirSync(from("dist"), { recursive: true });
for (const part of PARTS) {
  const code = await make(part);
  writeFileSync(from(`dist/${part.name}`), code);
  const { length } = gzipSync(code, { level: 9 });
  console.log(`${part.name.padEnd(20)} ${code.length} bytes, ${length} gzipped`);
}
if (isChoosing) writeFileSync(NAMES, `${JSON.stringify(chosen, null, 2)}\n`);
