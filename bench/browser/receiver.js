import { createServer } from "node:http";
import { gunzipSync } from "node:zlib";

const MARK = /evt-([a-z]+)-end/g;

/** Takes what any of the SDKs sends, at any path, and counts the marks in it. */
export class Receiver {
  /** Whether it answers; when not, sockets are dropped unread. */
  isAway = false;
  requests = 0;
  /** Of bodies and heads. */
  bytes = 0;
  /** In how many taken requests each mark was. @type {Map<string, number>} */
  seen = new Map();
  #known = new Set();
  #sockets = new Set();
  #server = createServer((request, response) => void this.#take(request, response));

  async start() {
    this.#server.on("connection", (socket) => {
      if (this.isAway) return void socket.destroy();
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    await new Promise((done) => this.#server.listen(0, "127.0.0.1", () => done(undefined)));
    return this;
  }

  async stop() {
    this.cut(true);
    await new Promise((done) => this.#server.close(done));
  }

  get origin() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  cut(isAway) {
    this.isAway = isAway;
    if (isAway) for (const socket of this.#sockets) socket.destroy();
  }

  /** What an application would find: how many of so many marks came, and how many more than once. */
  verdict(sent) {
    const twice = [...this.seen.values()].filter((count) => count > 1).length;
    return { sent, delivered: this.seen.size, twice };
  }

  async #take(request, response) {
    const cors = {
      "access-control-allow-origin": request.headers.origin ?? "*",
      "access-control-allow-headers": request.headers["access-control-request-headers"] ?? "*",
      "access-control-allow-methods": "POST",
      "access-control-max-age": "7200",
    };
    if (request.method !== "POST") return void response.writeHead(204, cors).end();
    const chunks = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return; // the page went away in mid-request
    }
    const body = Buffer.concat(chunks);
    const text = (
      request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body
    ).toString();
    this.requests += 1;
    this.bytes += body.length + request.rawHeaders.join(": ").length + (request.url?.length ?? 0);
    const id = idOf(request, text);
    if (!id || !this.#known.has(id)) {
      this.#known.add(id);
      const marks = new Set([...text.matchAll(MARK)].map(([, mark]) => mark));
      for (const mark of marks) this.seen.set(mark, (this.seen.get(mark) ?? 0) + 1);
    }
    response.writeHead(200, { ...cors, "content-type": "application/json" }).end("{}");
  }
}

/** What makes a repeated request known again, where the vendor's own server would know it. */
function idOf({ headers }, text) {
  if (headers["idempotency-key"]) return headers["idempotency-key"];
  const [, id] = /^\{"(?:batch_id|event_id)":"([^"]+)"/.exec(text) ?? [];
  return id;
}
