import { createServer, request as forward } from "node:http";
import { gunzipSync } from "node:zlib";

/**
 * @typedef {object} Post one request that arrived, in order
 * @property {number} at milliseconds since the collector's start
 * @property {Record<string, string>} headers
 * @property {URLSearchParams} query
 * @property {Buffer} body as it came over the wire
 * @property {any} batch the parsed body, or undefined where it could not be parsed
 * @property {number} bytes
 * @property {string} done what became of it: a status, "dropped", "hung" or "aborted"
 *
 * @typedef {object} Action
 * @property {"answer" | "drop" | "hang" | "refuse"} kind
 * @property {number} [status]
 * @property {Record<string, string>} [headers]
 * @property {string} [body]
 * @property {boolean} [takes] whether the batch is taken although the answer is lost
 * @property {number} [afterMs]
 */

// As the gateway's: whatever needs more is refused there too.
const ALLOWED_HEADERS =
  "authorization, x-headwater-key, content-type, content-encoding, x-sent-at, x-trace-id, traceparent";

/** @param {Partial<Action>} [more] @returns {Action} */
export const accept = (more) => ({ kind: "answer", status: 202, takes: true, ...more });
/** @param {number} code @param {Partial<Action>} [more] @returns {Action} */
export const status = (code, more) => ({ kind: "answer", status: code, ...more });
/** Takes the batch, then drops the socket: the answer is lost. @returns {Action} */
export const acceptAndDrop = () => ({ kind: "drop", takes: true });
/** Reads nothing and drops the socket. @returns {Action} */
export const refuse = () => ({ kind: "refuse" });
/** Reads the body and never answers. @returns {Action} */
export const hang = () => ({ kind: "hang" });
/** Answers 202 with a body that never ends. @returns {Action} */
export const acceptAndHang = () => ({ kind: "hang", status: 202, takes: true });

/**
 * A collector that answers by script and remembers what came. With an `upstream` it hands what it
 * takes to a real gateway and passes on that gateway's answer.
 */
export class Collector {
  /** @type {Post[]} */
  posts = [];
  preflights = 0;
  /** Batches that were taken, by id. @type {Map<string, { body: string, events: any[], times: number }>} */
  batches = new Map();
  /** Broken promises of the sender, found while receiving. @type {string[]} */
  faults = [];
  /** Decides about each post that no script decides. @type {(post: Post) => Action} */
  answer = () => accept();
  /** @type {string | undefined} */
  keyExpected;
  /** Whether nobody can reach the collector: sockets are dropped before a byte is read. */
  isAway = false;

  /** @type {Action[]} */
  #script = [];
  #started = performance.now();
  #watchers = new Set();
  #sockets = new Set();
  #server = createServer((request, response) => void this.handle(request, response));
  #port = 0;
  #upstream;

  /** @param {{ upstream?: string }} [options] */
  constructor({ upstream } = {}) {
    this.#upstream = upstream;
    this.#server.on("connection", (socket) => {
      if (this.isAway) return void socket.destroy();
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  async start() {
    await new Promise((done) => this.#server.listen(0, "127.0.0.1", () => done(undefined)));
    this.#port = /** @type {import("node:net").AddressInfo} */ (this.#server.address()).port;
    return this;
  }

  async stop() {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((done) => this.#server.close(done));
  }

  /** Cuts the wire, or mends it. @param {boolean} isAway */
  cut(isAway) {
    this.isAway = isAway;
    if (isAway) for (const socket of this.#sockets) socket.destroy();
  }

  get origin() {
    return `http://127.0.0.1:${this.#port}`;
  }

  get endpoint() {
    return `${this.origin}/api/v1/ingest/batches`;
  }

  now() {
    return performance.now() - this.#started;
  }

  /** Decides about the next posts, one action each. @param {...Action} actions */
  script(...actions) {
    this.#script.push(...actions);
  }

  /** Events that were taken, each batch once, in the order of their first arrival. */
  get events() {
    return [...this.batches.values()].flatMap((batch) => batch.events);
  }

  /** How many occurrences the taken events stand for. */
  get occurrences() {
    return this.events.reduce((sum, event) => sum + (event.count ?? 1), 0);
  }

  get messages() {
    return this.events.map((event) => event.message ?? event.exception?.value);
  }

  /** All that was ever sent, as text: for searching it for secrets. */
  get everything() {
    return this.posts
      .map((post) => JSON.stringify(post.headers) + post.query + textOf(post))
      .join("\n");
  }

  /**
   * Waits until something holds, looking again after each post: long enough for a machine that is
   * busy with something else.
   *
   * @param {string} what @param {() => any} condition @param {number} [timeoutMs]
   */
  async until(what, condition, timeoutMs = 60_000) {
    if (condition()) return;
    await new Promise((resolve, reject) => {
      const watcher = () => condition() && finish(resolve);
      const timer = setTimeout(() => finish(reject, new Error(this.#missing(what))), timeoutMs);
      const finish = (/** @type {Function} */ end, /** @type {unknown[]} */ ...value) => {
        clearTimeout(timer);
        this.#watchers.delete(watcher);
        end(...value);
      };
      this.#watchers.add(watcher);
    });
  }

  /** @param {string} what */
  #missing(what) {
    const done = this.posts.map((post) => post.done).join(" ");
    return `not in time: ${what}; ${this.events.length} events taken, posts: ${done || "none"}`;
  }

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  async handle(request, response) {
    const origin = request.headers.origin ?? "*";
    const cors = { "access-control-allow-origin": origin, vary: "Origin" };
    if (request.method === "OPTIONS") {
      this.preflights += 1;
      response.writeHead(204, {
        ...cors,
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": ALLOWED_HEADERS,
        "access-control-max-age": "7200",
      });
      return void response.end();
    }
    const post = await this.#read(request);
    if (!post) return;
    this.posts.push(post);
    const action = this.#script.shift() ?? this.answer(post);
    if (action.afterMs) await new Promise((done) => setTimeout(done, action.afterMs));
    await this.#act(action, post, response, cors);
    for (const watcher of this.#watchers) watcher();
  }

  /** @param {import("node:http").IncomingMessage} request @returns {Promise<Post | undefined>} */
  async #read(request) {
    const chunks = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return undefined; // the page went away in the middle of its request: nothing was taken
    }
    const body = Buffer.concat(chunks);
    const { searchParams: query } = new URL(request.url ?? "/", this.origin);
    const headers = /** @type {Record<string, string>} */ (request.headers);
    const key = headers.authorization?.slice(7) ?? headers["x-headwater-key"] ?? query.get("key");
    if (this.keyExpected && key !== this.keyExpected) this.faults.push(`key: ${key}`);
    const post = {
      at: this.now(),
      headers,
      query,
      body,
      bytes: body.length,
      done: "",
      batch: null,
    };
    try {
      post.batch = JSON.parse(textOf(post));
    } catch (error) {
      this.faults.push(`body is not JSON: ${error}`);
    }
    return post;
  }

  /**
   * @param {Action} action @param {Post} post
   * @param {import("node:http").ServerResponse} response @param {Record<string, string>} cors
   */
  async #act(action, post, response, cors) {
    post.done = action.kind === "answer" ? `${action.status}` : action.kind;
    let { status: code, headers = {}, body = "" } = action;
    if (action.takes) {
      const taken = this.#upstream ? await this.#forward(post) : undefined;
      if (!taken || taken.status === 202) this.#take(post);
      if (taken && action.kind === "answer" && code === 202) {
        ({ status: code, headers, body } = taken);
        post.done = `${code}`;
      } else {
        body ||= JSON.stringify({ batch_id: post.batch?.batch_id, rejected: [] });
      }
    }
    if (action.kind === "drop" || action.kind === "refuse") return void response.destroy();
    if (action.kind === "hang" && !code) return;
    response.writeHead(code ?? 500, {
      "content-type": "application/json",
      "cache-control": "no-store",
      ...cors,
      "access-control-expose-headers": "retry-after, x-trace-id",
      ...headers,
    });
    if (action.kind === "hang") response.write("{");
    else response.end(body);
  }

  /** @param {Post} post */
  #take({ batch, body }) {
    if (!batch) return;
    const text = body.toString("latin1");
    const known = this.batches.get(batch.batch_id);
    if (!known) {
      this.batches.set(batch.batch_id, { body: text, events: batch.events, times: 1 });
      return;
    }
    known.times += 1;
    if (known.body !== text) this.faults.push(`batch ${batch.batch_id} came with other bytes`);
  }

  /** @param {Post} post @returns {Promise<{ status: number, headers: Record<string, string>, body: string }>} */
  async #forward({ headers, query, body }) {
    const passed = ["authorization", "content-type", "content-encoding", "x-sent-at", "origin"];
    passed.push("x-headwater-key", "x-trace-id", "traceparent");
    const kept = Object.entries(headers).filter(([name]) => passed.includes(name));
    return await new Promise((resolve, reject) => {
      const url = `${this.#upstream}?${query}`;
      const options = { method: "POST", headers: Object.fromEntries(kept) };
      const sent = forward(url, options, (answer) => {
        /** @type {Buffer[]} */
        const chunks = [];
        answer.on("data", (chunk) => chunks.push(chunk));
        answer.on("end", () => {
          const retryAfter = answer.headers["retry-after"];
          resolve({
            status: answer.statusCode ?? 0,
            headers: retryAfter ? { "retry-after": retryAfter } : {},
            body: Buffer.concat(chunks).toString(),
          });
        });
      });
      sent.on("error", reject);
      sent.end(body);
    });
  }

  /** Says what must hold at the end of every case: no event under two batch ids, no other fault. */
  verdict() {
    const ids = this.events.map((event) => event.id).filter(Boolean);
    const twice = ids.filter((id, index) => ids.indexOf(id) !== index);
    return [...this.faults, ...twice.map((id) => `event ${id} came in two batches`)];
  }
}

/** @param {{ headers: Record<string, string>, body: Buffer }} post */
export function textOf({ headers, body }) {
  const plain = headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
  return new TextDecoder("utf-8", { fatal: true }).decode(plain);
}
