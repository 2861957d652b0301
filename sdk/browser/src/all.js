/** What the script for pages without a bundler holds: the core, and what measures requests. */
export { init } from "./index.js";
export { createFetch, instrumentFetch, instrumentXhr } from "./requests.js";
