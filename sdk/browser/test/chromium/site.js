import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:http";

const DIST = new URL("../../dist/", import.meta.url);
const require = createRequire(import.meta.url);
const axiosBundle = () => readFileSync(require.resolve("axios/dist/browser/axios.cjs"), "utf8");

const FILES = {
  "/headwater.js": () => readFileSync(new URL("headwater.js", DIST), "utf8"),
  "/headwater.iife.js": () => readFileSync(new URL("headwater.iife.js", DIST), "utf8"),
  "/headwater-axios.js": () => readFileSync(new URL("axios.js", DIST), "utf8"),
  "/axios.js": () => `(() => { const module = {}; const exports = module.exports = {};
    ${axiosBundle()}\n;window.axios = module.exports.default ?? module.exports; })();`,
};

/**
 * @typedef {object} Arrival a request of the host's own, as it arrived
 * @property {string} method
 * @property {string} path
 * @property {Record<string, string>} headers
 * @property {string} body
 *
 * @typedef {object} PageText
 * @property {string} html
 * @property {Record<string, string>} headers
 */

/** The web site whose pages use the SDK; `/echo/…` takes the host's own requests and records them. */
export class Site {
  /** @type {Map<string, PageText>} */
  pages = new Map();
  /** @type {Arrival[]} */
  arrivals = [];
  #server = createServer((request, response) => void this.#handle(request, response));
  #port = 0;

  async start() {
    await new Promise((done) => this.#server.listen(0, "127.0.0.1", () => done(undefined)));
    this.#port = /** @type {import("node:net").AddressInfo} */ (this.#server.address()).port;
    return this;
  }

  async stop() {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  get origin() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The same site under another name: another origin to the browser. */
  get otherOrigin() {
    return `http://localhost:${this.#port}`;
  }

  /** @param {string} path @returns {string | undefined} */
  static file(path) {
    return FILES[/** @type {keyof typeof FILES} */ (path)]?.();
  }

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  async #handle(request, response) {
    const { pathname, searchParams } = new URL(request.url ?? "/", this.origin);
    if (pathname === "/favicon.ico") return void response.writeHead(204).end();
    if (pathname.startsWith("/echo/")) return this.#echo(pathname, searchParams, request, response);
    const page = this.pages.get(pathname);
    const script = Site.file(pathname);
    if (page) {
      response.writeHead(200, { "content-type": "text/html; charset=utf-8", ...page.headers });
      response.end(page.html);
    } else if (script !== undefined) {
      response.writeHead(200, {
        "content-type": "text/javascript; charset=utf-8",
        "cache-control": "max-age=600",
        "access-control-allow-origin": "*",
      });
      response.end(script);
    } else {
      response.writeHead(404).end();
    }
  }

  /**
   * Answers with what arrived; `status` and `slow` (milliseconds) in the query change how.
   *
   * @param {string} path @param {URLSearchParams} query
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  async #echo(path, query, request, response) {
    const chunks = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return; // the page took its request back
    }
    const headers = /** @type {Record<string, string>} */ (request.headers);
    const method = request.method ?? "";
    this.arrivals.push({ method, path, headers, body: Buffer.concat(chunks).toString("latin1") });
    await new Promise((done) => setTimeout(done, Number(query.get("slow") ?? 0)));
    response.writeHead(Number(query.get("status") ?? 200), {
      "content-type": "application/json",
      "access-control-allow-origin": headers.origin ?? "*",
      "access-control-allow-headers": query.get("allow") ?? "",
    });
    response.end(
      JSON.stringify({ method, headers, body: Buffer.concat(chunks).toString("latin1") }),
    );
  }
}
