import assert from "node:assert/strict";

import { Site } from "../site.js";
import { assertIdentity, flush, logAll, sleep, statsOf, word } from "../lab.js";

/** @typedef {import("../lab.js").Lab} Lab */

/** Requests of a host in every form that wrappers of fetch have broken; answers what it saw. */
const HOST_REQUESTS = async (/** @type {string} */ base) => {
  const seen = /** @type {Record<string, unknown>} */ ({});
  const tell = async (/** @type {string} */ name, /** @type {() => any} */ attempt) => {
    try {
      const answer = await attempt();
      const { method, headers, body } = await answer.json();
      delete headers["x-trace-id"];
      seen[name] = { method, headers, body, type: answer.type, url: answer.url };
    } catch (error) {
      const { name: kind, message } = /** @type {Error} */ (error);
      seen[name] = { kind, message: message.replace(/\d+/g, "") };
    }
  };
  const url = `${base}/echo/x`;
  const post = { method: "POST", body: "as it was", headers: { "X-Own": "1" } };
  const stopped = new AbortController();
  stopped.abort(new DOMException("stopped by the host", "AbortError"));
  const later = new AbortController();
  const bytes = new Uint8Array([0, 1, 2, 255, 254]);
  const form = new FormData();
  form.append("field", "значение");
  const stream = () => new Blob(["streamed"]).stream();
  const used = new Request(url, post);
  await used.text();

  await tell("url", () => fetch(url));
  await tell("URL object", () => fetch(new URL(url)));
  await tell("request", () => fetch(new Request(url, post)));
  await tell("request and init", () =>
    fetch(new Request(url, post), { method: "PUT", body: "other", headers: { "X-Other": "2" } }),
  );
  await tell("request and headers", () =>
    fetch(new Request(url, post), { headers: [["X-Pair", "3"]] }),
  );
  await tell("headers object", () =>
    fetch(url, { headers: new Headers({ "X-Own": "1", accept: "x/y" }) }),
  );
  await tell("bytes", () => fetch(url, { method: "POST", body: bytes }));
  await tell("blob", () => fetch(url, { method: "POST", body: new Blob(["b"], { type: "a/b" }) }));
  await tell("parameters", () =>
    fetch(url, { method: "POST", body: new URLSearchParams("a=1&b=2") }),
  );
  await tell("stream", () =>
    fetch(url, /** @type {any} */ ({ method: "POST", body: stream(), duplex: "half" })),
  );
  await tell("stream without duplex", () => fetch(url, { method: "POST", body: stream() }));
  await tell("aborted before", () => fetch(url, { signal: stopped.signal }));
  await tell("aborted on the way", () => {
    setTimeout(() => later.abort(), 30);
    return fetch(`${base}/echo/aborted?slow=400`, { signal: later.signal });
  });
  await tell("timeout", () =>
    fetch(`${base}/echo/aborted?slow=400`, { signal: AbortSignal.timeout(30) }),
  );
  await tell("used request", () => fetch(used));
  await tell("status 500", () => fetch(`${url}?status=500`));
  await tell("no such host", () => fetch("http://127.0.0.1:1/"));
  await tell("no url", () => fetch("http://"));
  await tell("bad method", () => fetch(url, { method: "NO PE" }));
  await tell("bad header", () => fetch(url, { headers: { "ü x": "1" } }));
  await tell("request as init", () => fetch(url, new Request(`${url}/other`, post)));
  await tell("no arguments", () => /** @type {any} */ (fetch)());
  await tell("no-cors", () => fetch(url, { mode: "no-cors", headers: { "X-Own": "1" } }));
  const request = new Request(url, post);
  await fetch(request);
  seen.consumed = request.bodyUsed;
  seen.sync = (() => {
    try {
      return fetch("http://").catch(() => "rejected") instanceof Promise;
    } catch {
      return "threw";
    }
  })();
  return seen;
};

/** @type {import("./delivery.js").Case[]} */
export const cases = [
  {
    number: 23,
    title: "CSP keeps us from the collector: breaker, no console storm, no recursion",
    async run(lab) {
      const headers = {
        "content-security-policy":
          "connect-src 'self'; script-src 'self' 'unsafe-inline'; img-src 'self'",
      };
      const page = await lab.visit({
        headers,
        init: "{ flushMs: 30 }",
        script: "Headwater.captureConsole(log); Headwater.captureViolations(log);",
        head: `<script>
          window.violations = 0;
          addEventListener("securitypolicyviolation", ({ effectiveDirective }) => {
            violations += effectiveDirective === "connect-src";
          });
        </script>`,
      });
      for (let round = 0; round < 20; round += 1) {
        await logAll(page, [`blocked ${word(round)}`], "error");
        await sleep(60);
      }
      await page.evaluate(() => (new Image().src = "https://ads.example/pixel.png"));
      await sleep(3500);
      const violations = await page.evaluate(() => window.violations);
      assert.ok(violations > 0, "the policy did not hold");
      assert.ok(violations <= 8, `${violations} attempts against a closed door`);
      // The image has a line as well.
      assert.ok(lab.console.length <= 2 * violations + 1, `${lab.console.length} console lines`);
      const stats = await statsOf(page);
      assert.equal(stats.captured, 21); // what was logged and the image
      assertIdentity(stats);
      assert.equal(lab.collector.posts.length, 0);
    },
  },
  {
    number: 24,
    title: "a strict CSP without eval, inline scripts or workers: everything works",
    async run(lab) {
      const policy = [
        "default-src 'none'",
        "script-src 'self'",
        `connect-src 'self' ${lab.collector.origin}`,
      ];
      policy.push("require-trusted-types-for 'script'");
      const url = lab.publish({
        path: "/strict",
        bare: true,
        headers: { "content-security-policy": policy.join("; ") },
        body: `<script src="/headwater.iife.js"></script><script src="/start.js"></script>`,
      });
      const start = `window.log = Headwater.init(${lab.options("{ flushMs: 50, gzip: Headwater.gzip }")}); window.Headwater.instrumentFetch(log);`;
      lab.site.pages.set("/start.js", {
        html: start,
        headers: { "content-type": "text/javascript" },
      });
      const page = await lab.context.newPage();
      await page.goto(url);
      const messages = Array.from(
        { length: 10 },
        (_, n) => `strict ${word(n)} ${"filling ".repeat(40)}`,
      );
      await logAll(page, messages);
      await page.evaluate(() => fetch("/echo/strict"));
      await lab.collector.until("the logs", () =>
        messages.every((text) => lab.collector.messages.includes(text)),
      );
      assert.equal(lab.collector.posts[0].headers["content-encoding"], "gzip");
      assert.ok(lab.site.arrivals[0].headers["x-trace-id"]);
      assert.deepEqual(lab.console, []);
      assert.deepEqual(lab.pageErrors, []);
    },
  },
  {
    number: 30,
    title:
      "the host wraps fetch before us, after us, deletes it, patches it: no loop, undo is clean",
    async run(lab) {
      const head = `<script>
        window.native = window.fetch;
        window.seenByHost = 0;
        window.hostFetch = function (...rest) { seenByHost += 1; return native.apply(this, rest); };
        window.fetch = hostFetch;
      </script>`;
      const page = await lab.visit({ head, init: "{ flushMs: 50 }" });
      const before = await page.evaluate(async () => {
        const undo = window.Headwater.instrumentFetch(window.log);
        const isOurs = window.fetch !== window.hostFetch;
        await fetch("/echo/wrapped");
        undo();
        undo();
        return [isOurs, window.fetch === window.hostFetch];
      });
      assert.deepEqual(before, [true, true]);
      const after = await page.evaluate(async () => {
        const undo = window.Headwater.instrumentFetch(window.log);
        const ours = window.fetch;
        const outer = (/** @type {any[]} */ ...rest) => ours(.../** @type {[any]} */ (rest));
        window.fetch = outer;
        await fetch("/echo/outer");
        undo(); // not ours any more: the host's wrapper stays
        const kept = window.fetch === outer;
        await fetch("/echo/outer-after-undo");
        window.fetch = window.hostFetch;
        const open = XMLHttpRequest.prototype.open;
        const send = XMLHttpRequest.prototype.send;
        const undoXhr = window.Headwater.instrumentXhr(window.log);
        const patched = XMLHttpRequest.prototype.open !== open;
        undoXhr();
        const isBack =
          XMLHttpRequest.prototype.open === open && XMLHttpRequest.prototype.send === send;
        return [kept, patched, isBack];
      });
      assert.deepEqual(after, [true, true, true]);
      await page.evaluate(async () => {
        // as zone.js does it: the promise belongs to somebody else, the wrapper calls what is there now
        window.fetch = function (...rest) {
          const answer = window.native(...rest);
          return { then: (done, fail) => answer.then(done, fail) };
        };
        window.Headwater.instrumentFetch(window.log);
        await fetch("/echo/zone");
        window.log.error("with a zone");
        delete (/** @type {any} */ (window).fetch);
        /** @type {any} */ (window).fetch = undefined;
        window.log.error("without fetch");
      });
      await lab.collector.until("both logs", () =>
        ["with a zone", "without fetch"].every((text) => lab.collector.messages.includes(text)),
      );
      const traced = Object.fromEntries(
        lab.site.arrivals.map(({ path, headers }) => [path, "x-trace-id" in headers]),
      );
      assert.equal(traced["/echo/wrapped"], true);
      assert.equal(traced["/echo/outer-after-undo"], false);
      assert.equal(lab.site.arrivals.length, 4);
      assert.deepEqual(lab.pageErrors, []);
    },
  },
  {
    number: 31,
    title: "Request objects, init, streams, aborted signals: the same with and without the SDK",
    async run(lab) {
      const plain = await lab.visit({ bare: true, path: "/plain" });
      const withSdk = await lab.visit({
        path: "/with",
        script: "window.Headwater.instrumentFetch(log);",
      });
      const expected = await plain.evaluate(HOST_REQUESTS, lab.site.origin);
      // whether a request that is given up after 30 ms arrives is a matter of luck
      const arrived = () =>
        lab.site.arrivals.splice(0).filter(({ path }) => path !== "/echo/aborted");
      const plainArrivals = arrived();
      const got = await withSdk.evaluate(HOST_REQUESTS, lab.site.origin);
      /** @param {string} text */
      const samePage = (text) =>
        JSON.parse(
          text.replaceAll("/plain", "/with").replaceAll(/----WebKitFormBoundary\w+/g, "boundary"),
        );
      assert.deepEqual(samePage(JSON.stringify(got)), samePage(JSON.stringify(expected)));
      const arrivals = arrived();
      const withoutTrace = arrivals.map(
        ({ headers: { "x-trace-id": _, ...headers }, ...rest }) => ({
          ...rest,
          headers,
        }),
      );
      assert.deepEqual(
        samePage(JSON.stringify(withoutTrace)),
        samePage(JSON.stringify(plainArrivals)),
      );
      const traced = arrivals.filter(({ headers }) => headers["x-trace-id"]);
      assert.ok(traced.length > 10, "the SDK did not touch these requests at all");
    },
  },
  {
    number: 32,
    title: "another origin gets no trace header and no preflight; one on the list gets it",
    async run(lab) {
      const third = await new Site().start();
      const listed = await new Site().start();
      try {
        const page = await lab.visit({
          head: `<script src="/axios.js"></script>`,
          init: `{ flushMs: 50, propagateTo: [${JSON.stringify(`${listed.origin}/`)}] }`,
          script: "window.Headwater.instrumentFetch(log); window.Headwater.instrumentXhr(log);",
        });
        await page.evaluate(
          async ([foreign, own]) => {
            const { instrumentAxios } = await import("/headwater-axios.js");
            instrumentAxios(window.axios, window.log);
            const byXhr = (/** @type {string} */ url) =>
              new Promise((done) => {
                const xhr = new XMLHttpRequest();
                xhr.open("GET", url);
                xhr.onloadend = done;
                xhr.send();
              });
            for (const origin of [foreign, own, ""]) {
              const query = "?allow=x-trace-id,traceparent";
              await fetch(`${origin}/echo/fetch${query}`);
              await byXhr(`${origin}/echo/xhr${query}`);
              await window.axios.get(`${origin}/echo/axios${query}`);
            }
          },
          [third.origin, listed.origin],
        );
        assert.deepEqual(
          third.arrivals.map(({ method }) => method),
          ["GET", "GET", "GET"],
        );
        assert.ok(
          third.arrivals.every(({ headers }) => !headers["x-trace-id"] && !headers.traceparent),
        );
        const id = await page.evaluate(() => window.log.traceId());
        assert.match(id, /^[0-9a-f]{32}$/);
        const traced = [...listed.arrivals, ...lab.site.arrivals].filter(
          ({ method }) => method === "GET",
        );
        assert.deepEqual(
          traced.map(({ headers }) => headers["x-trace-id"]),
          Array(6).fill(id),
        );
      } finally {
        await Promise.all([third.stop(), listed.stop()]);
      }
    },
  },
  {
    number: 33,
    title:
      "Axios: a trace id of its own is kept; cancelled and failing calls are thrown as they were",
    async run(lab) {
      const page = await lab.visit({ head: `<script src="/axios.js"></script>` });
      const run = async (/** @type {boolean} */ instrumented) => {
        const { axios } = window;
        const { instrumentAxios } = await import("/headwater-axios.js");
        const undo = instrumented ? instrumentAxios(axios, window.log) : () => undefined;
        const told = /** @type {any} */ ({});
        const tell = async (/** @type {string} */ name, /** @type {() => Promise<any>} */ call) => {
          try {
            told[name] = (await call()).data.headers["x-trace-id"] ?? "none";
          } catch (error) {
            const { name: kind, code, message, response } = /** @type {any} */ (error);
            told[name] = { kind, code, message, status: response?.status };
          }
        };
        const stop = new AbortController();
        setTimeout(() => stop.abort(), 30);
        const own = new Error("from the host's interceptor");
        const failing = axios.create();
        failing.interceptors.request.use(() => Promise.reject(own));
        if (instrumented) instrumentAxios(failing, window.log);
        await tell("plain", () => axios.get("/echo/plain"));
        await tell("own", () => axios.get("/echo/own", { headers: { "X-Trace-Id": "its-own" } }));
        await tell("own in lower case", () =>
          axios.get("/echo/own", { headers: { "x-trace-id": "its-own" } }),
        );
        await tell("cancelled", () => axios.get("/echo/slow?slow=400", { signal: stop.signal }));
        await tell("failing", () => axios.get("/echo/fails?status=500"));
        await tell("refused", () => axios.get("http://127.0.0.1:1/"));
        told.same = await failing
          .get("/echo/never")
          .catch((/** @type {unknown} */ error) => error === own);
        undo();
        await tell("after undo", () => axios.get("/echo/after"));
        return [told, window.log.traceId()];
      };
      const [expected] = await page.evaluate(run, false);
      const [got, id] = await page.evaluate(run, true);
      assert.deepEqual(got, { ...expected, plain: id });
      assert.equal(got.own, "its-own");
      assert.equal(got.same, true);
    },
  },
  {
    number: 37,
    title: "init twice, two bundles on a page, a hot reload: one set of handlers",
    async run(lab) {
      const page = await lab.visit({ init: "{ flushMs: 50 }", script: "window.first = log;" });
      const isSame = await page.evaluate((options) => {
        const again = window.Headwater.init(eval(`(${options})`));
        return again === window.first;
      }, lab.options());
      assert.ok(isSame, "the same bundle made a second instance");
      await page.addScriptTag({ url: "/headwater.iife.js" });
      await page.evaluate((options) => {
        window.log = window.Headwater.init(eval(`(${options})`));
      }, lab.options());
      for (const round of [1, 2])
        await page.evaluate(
          async ([options, url]) => {
            const { init } = await import(url);
            init(eval(`(${options})`));
          },
          [lab.options(), `/headwater.js?hot=${round}`],
        );
      await page.evaluate(() => {
        setTimeout(() => {
          throw new Error("thrown once");
        });
        void Promise.reject(new Error("rejected once"));
        window.log.info("logged once");
        window.first.info("logged by the first");
      });
      await sleep(100);
      await flush(page);
      await lab.expectDelivered([
        "thrown once",
        "rejected once",
        "logged once",
        "logged by the first",
      ]);
    },
  },
];
