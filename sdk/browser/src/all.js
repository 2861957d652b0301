/** What the script for pages without a bundler holds: the core, and all that a page may add. */
export { captureConsole, captureViolations } from "./capture.js";
export { gzip } from "./gzip.js";
export { init } from "./index.js";
export { createFetch, instrumentFetch, instrumentXhr, pathOf } from "./requests.js";
