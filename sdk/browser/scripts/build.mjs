/**
 * Builds what the package holds: `dist/headwater.js` (ESM), `dist/headwater.iife.js` (global
 * `Headwater`) and `dist/axios.js`. The types come from tsc. Says how large the parts are.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const from = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

const common = { bundle: true, minify: true, target: "es2020", legalComments: "none" };
await Promise.all([
  build({
    ...common,
    entryPoints: [from("src/index.js")],
    outfile: from("dist/headwater.js"),
    format: "esm",
  }),
  build({
    ...common,
    entryPoints: [from("src/index.js")],
    outfile: from("dist/headwater.iife.js"),
    format: "iife",
    globalName: "Headwater",
  }),
  build({
    ...common,
    entryPoints: [from("src/axios.js")],
    outfile: from("dist/axios.js"),
    format: "esm",
  }),
]);
for (const name of ["headwater.js", "headwater.iife.js", "axios.js"]) {
  const code = readFileSync(from(`dist/${name}`));
  console.log(
    `${name.padEnd(20)} ${code.length} bytes, ${gzipSync(code, { level: 9 }).length} gzipped`,
  );
}
