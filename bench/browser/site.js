import { createServer } from "node:http";

/** The pages of one SDK: `/` starts it, `/bare` is somewhere else. */
export class Site {
  #files;
  #server = createServer((request, response) => {
    const file = this.#files[new URL(request.url ?? "/", "http://site").pathname];
    if (!file) return void response.writeHead(404).end();
    response.writeHead(200, { "content-type": file.type, "cache-control": "max-age=600" });
    response.end(file.text);
  });

  constructor(script, collector) {
    const page = `<!doctype html><meta charset="utf-8"><title>bench</title>
      <script>window.collector = ${JSON.stringify(collector)}</script><script src="/sdk.js"></script>`;
    this.#files = {
      "/": { type: "text/html", text: page },
      "/bare": { type: "text/html", text: "<!doctype html><title>bare</title>" },
      "/sdk.js": { type: "text/javascript", text: script },
      "/favicon.ico": { type: "image/x-icon", text: "" },
    };
  }

  async start() {
    await new Promise((done) => this.#server.listen(0, "127.0.0.1", () => done(undefined)));
    return this;
  }

  async stop() {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  get origin() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** Serves the pages to a context that has no network, as a service worker would. */
  async serveOffline(context) {
    await context.route(`${this.origin}/**`, (route) => {
      const file = this.#files[new URL(route.request().url()).pathname];
      return file
        ? route.fulfill({ contentType: file.type, body: file.text })
        : route.fulfill({ status: 404 });
    });
  }
}
