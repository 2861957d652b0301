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

const BYTES = {
  "headwater.js": 9216,
  "requests.js": 800,
  "capture.js": 550,
  "gzip.js": 200,
  "axios.js": 500,
};

const from = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

test("the core and what is loaded beside it keep within their size", () => {
  for (const [name, most] of Object.entries(BYTES)) {
    const { length } = gzipSync(readFileSync(from(`dist/${name}`)), { level: 9 });
    assert.ok(length <= most, `${name}: ${length} bytes (npm run names -w sdk/browser?)`);
  }
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
    "dist/capture.js",
    "dist/gzip.js",
    "dist/headwater.iife.js",
    "dist/headwater.js",
    "dist/requests.js",
    "dist/types/axios.d.ts",
    "dist/types/capture.d.ts",
    "dist/types/gzip.d.ts",
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
       import { captureConsole, captureViolations } from "@headwater/browser/capture";
       import { gzip } from "@headwater/browser/gzip";
       import { createFetch, instrumentFetch, instrumentXhr, pathOf } from "@headwater/browser/requests";
       const log: Log = init({ endpoint: "/batches", apiKey: "hw_a_b", level: "warn", gzip });
       log.child({ cart: 3 }).error("payment failed", new Error("x"));
       const undo: () => void = instrumentAxios({}, log);
       const traced: typeof fetch = createFetch(log);
       [instrumentFetch(log), instrumentXhr(log)].forEach((back: () => void) => back());
       [captureConsole(log), captureViolations(log)].forEach((back: () => void) => back());
       log.request("GET", pathOf("/orders/7"), 200, 12.5);
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
  const inModules = await Promise.all(
    Object.keys(BYTES).map((name) => import(pathToFileURL(from(`dist/${name}`)))),
  );
  assert.deepEqual(Reflect.ownKeys(globalThis), before);
  const measuring = ["createFetch", "instrumentFetch", "instrumentXhr", "pathOf"];
  const capturing = ["captureConsole", "captureViolations"];
  assert.deepEqual(
    inModules.map((one) => Object.keys(one)),
    [["init"], measuring, capturing, ["gzip"], ["instrumentAxios"]],
  );
  const script = readFileSync(from("dist/headwater.iife.js"), "utf8");
  assert.deepEqual(
    Object.keys(runInNewContext(`${script}; Headwater`)).sort(),
    [...capturing, ...measuring, "gzip", "init"].sort(),
  );
});
