/** What users get: how large it is, what it holds, that importing it does nothing. Needs a build. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { runInNewContext } from "node:vm";
import { gzipSync } from "node:zlib";

const CORE_BYTES = 10_000;
const REQUESTS_BYTES = 800;
const AXIOS_BYTES = 500;

const from = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const gzipped = (name) => gzipSync(readFileSync(from(`dist/${name}`)), { level: 9 }).length;

test("the core and what is loaded beside it keep within their size", () => {
  assert.ok(gzipped("headwater.js") < CORE_BYTES, `core: ${gzipped("headwater.js")} bytes`);
  const requests = gzipped("requests.js");
  assert.ok(requests <= REQUESTS_BYTES, `fetch and XHR: ${requests} bytes`);
  assert.ok(gzipped("axios.js") <= AXIOS_BYTES, `Axios adapter: ${gzipped("axios.js")} bytes`);
});

test("the package holds what users need and nothing else", () => {
  const [{ files }] = JSON.parse(
    execFileSync("npm", ["pack", "--dry-run", "--json", "--silent", "--ignore-scripts"], {
      cwd: from("."),
      encoding: "utf8",
    }),
  );
  assert.deepEqual(files.map(({ path }) => path).sort(), [
    "LICENSE",
    "README.md",
    "dist/axios.js",
    "dist/headwater.iife.js",
    "dist/headwater.js",
    "dist/requests.js",
    "dist/types/axios.d.ts",
    "dist/types/index.d.ts",
    "dist/types/requests.d.ts",
    "dist/types/types.d.ts",
    "package.json",
  ]);
});

test("its licence is the project's", () => {
  assert.equal(readFileSync(from("LICENSE"), "utf8"), readFileSync(from("../../LICENSE"), "utf8"));
});

test("an application in TypeScript compiles against the package as it is packed", () => {
  const folder = mkdtempSync(join(tmpdir(), "headwater-package-"));
  try {
    const installed = join(folder, "node_modules", "@headwater", "browser");
    mkdirSync(installed, { recursive: true });
    const pack = ["pack", "--silent", "--ignore-scripts", "--pack-destination", folder];
    const [name] = execFileSync("npm", pack, { cwd: from("."), encoding: "utf8" }).split("\n");
    execFileSync("tar", ["xzf", join(folder, name), "-C", installed, "--strip-components=1"]);
    writeFileSync(
      join(folder, "use.ts"),
      `import { init, type Log } from "@headwater/browser";
       import { instrumentAxios } from "@headwater/browser/axios";
       import { createFetch, instrumentFetch, instrumentXhr } from "@headwater/browser/requests";
       const log: Log = init({ endpoint: "/batches", apiKey: "hw_a_b", level: "warn" });
       log.child({ cart: 3 }).error("payment failed", new Error("x"));
       const undo: () => void = instrumentAxios({}, log);
       const traced: typeof fetch = createFetch(log);
       [instrumentFetch(log), instrumentXhr(log)].forEach((back: () => void) => back());
       const isDone: Promise<boolean> = log.flush();
       // @ts-expect-error there is no such level
       init({ endpoint: "/batches", apiKey: "hw_a_b", level: "loud" });
       // @ts-expect-error nor such a call
       log.shout(undo, isDone, traced);`,
    );
    const flags = "--noEmit --strict --target es2020 --module es2020 --moduleResolution bundler";
    const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
    const done = spawnSync(process.execPath, [tsc, ...flags.split(" "), "use.ts"], {
      cwd: folder,
      encoding: "utf8",
    });
    assert.equal(done.stdout, "");
    assert.equal(done.status, 0);
  } finally {
    rmSync(folder, { recursive: true });
  }
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
  const requests = await import(pathToFileURL(from("dist/requests.js")));
  const axios = await import(pathToFileURL(from("dist/axios.js")));
  assert.deepEqual(Reflect.ownKeys(globalThis), before);
  assert.deepEqual([Object.keys(core), Object.keys(axios)], [["init"], ["instrumentAxios"]]);
  const measuring = ["createFetch", "instrumentFetch", "instrumentXhr"];
  assert.deepEqual(Object.keys(requests), measuring);
  const script = readFileSync(from("dist/headwater.iife.js"), "utf8");
  assert.deepEqual(
    Object.keys(runInNewContext(`${script}; Headwater`)).sort(),
    [...measuring, "init"].sort(),
  );
});
