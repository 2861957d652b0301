import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));

/**
 * Bundles an adapter with its SDK, minified, as an application would; its gzipped size counts the
 * adapter's few lines too, alike for all.
 *
 * @param {string} name
 */
export async function bundle(name) {
  const shared = {
    bundle: true,
    minify: true,
    write: false,
    target: "es2022",
    legalComments: "none",
    define: {
      "process.env.NODE_ENV": '"production"',
      __SENTRY_DEBUG__: "false",
      __SENTRY_TRACING__: "false",
    },
  };
  const entry = join(HERE, "adapters", `${name}.js`);
  const forSize = await build({ ...shared, entryPoints: [entry], format: "esm" });
  const contents = `import { start } from "./${name}.js"; window.sdk = start(window.collector);`;
  const forPage = await build({
    ...shared,
    stdin: { contents, resolveDir: dirname(entry) },
    format: "iife",
  });
  return {
    gzippedBytes: gzipSync(forSize.outputFiles[0].contents, { level: 9 }).length,
    script: forPage.outputFiles[0].text,
  };
}
