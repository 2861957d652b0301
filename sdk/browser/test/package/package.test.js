/** What users get: how large it is, what it holds, that importing it does nothing. Needs a build. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { runInNewContext } from "node:vm";
import { gzipSync } from "node:zlib";

const CORE_BYTES = 13_000;
const AXIOS_BYTES = 500;

const from = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const gzipped = (name) => gzipSync(readFileSync(from(`dist/${name}`)), { level: 9 }).length;

test("the core and the Axios adapter keep within their size", () => {
  assert.ok(gzipped("headwater.js") <= CORE_BYTES, `core: ${gzipped("headwater.js")} bytes`);
  assert.ok(gzipped("axios.js") <= AXIOS_BYTES, `Axios adapter: ${gzipped("axios.js")} bytes`);
});

test("the package holds what users need and nothing else", () => {
  const [{ files }] = JSON.parse(
    execFileSync("npm", ["pack", "--dry-run", "--json", "--silent"], {
      cwd: from("."),
      encoding: "utf8",
    }),
  );
  const names = files.map(({ path }) => path).filter((path) => !path.startsWith("dist/types/"));
  assert.deepEqual(names.sort(), [
    "README.md",
    "dist/axios.js",
    "dist/headwater.iife.js",
    "dist/headwater.js",
    "package.json",
  ]);
  const types = files.map(({ path }) => path).filter((path) => path.startsWith("dist/types/"));
  assert.ok(types.includes("dist/types/index.d.ts") && types.includes("dist/types/axios.d.ts"));
  assert.ok(types.every((path) => path.endsWith(".d.ts")));
});

test("no dependency at run time", () => {
  const { dependencies, peerDependencies, sideEffects } = JSON.parse(
    readFileSync(from("package.json")),
  );
  assert.deepEqual([dependencies, peerDependencies, sideEffects], [undefined, undefined, false]);
});

test("importing does nothing; init is there, in both builds", async () => {
  const before = Reflect.ownKeys(globalThis);
  const core = await import(pathToFileURL(from("dist/headwater.js")));
  const axios = await import(pathToFileURL(from("dist/axios.js")));
  assert.deepEqual(Reflect.ownKeys(globalThis), before);
  assert.deepEqual([Object.keys(core), Object.keys(axios)], [["init"], ["instrumentAxios"]]);
  const script = readFileSync(from("dist/headwater.iife.js"), "utf8");
  assert.deepEqual(Object.keys(runInNewContext(`${script}; Headwater`)), ["init"]);
});
