/**
 * A page for tests: its clock stands still until `tick`, its collector answers what it is told.
 */
import { setImmediate as turn } from "node:timers/promises";

/** A storage like the browser's: keys are properties, methods are not. */
export function createStorage(quota = 5_242_880) {
  const methods = {
    getItem(key) {
      return Object.hasOwn(this, key) ? this[key] : null;
    },
    setItem(key, value) {
      const used = Object.entries(this).reduce((sum, [k, v]) => sum + k.length + v.length, 0);
      const old = Object.hasOwn(this, key) ? key.length + this[key].length : 0;
      if (used - old + key.length + String(value).length > quota)
        throw new Error("QuotaExceededError");
      this[key] = String(value);
    },
    removeItem(key) {
      delete this[key];
    },
  };
  return Object.create(methods);
}

/** Web Locks that all worlds of one browser share. */
export function createLocks() {
  const held = new Map();
  const waiting = [];
  const grant = () => {
    for (const one of [...waiting])
      if (!held.has(one.name)) {
        waiting.splice(waiting.indexOf(one), 1);
        held.set(one.name, one);
        Promise.resolve(one.run({ name: one.name })).then(() => {
          held.delete(one.name);
          grant();
        }, one.fail);
      }
  };
  return {
    request: (name, { signal }, run) =>
      new Promise((_, fail) => {
        const one = { name, run, fail };
        signal.addEventListener("abort", () => {
          const index = waiting.indexOf(one);
          if (index >= 0) {
            waiting.splice(index, 1);
            fail(new Error("AbortError"));
          }
        });
        waiting.push(one);
        grant();
      }),
    query: async () => ({ held: [...held.keys()].map((name) => ({ name })), pending: [] }),
  };
}

export function createWorld(shared = {}) {
  const { localStorage = createStorage(), sessionStorage = createStorage() } = shared;
  let now = shared.now ?? Date.UTC(2026, 10, 24, 12);
  let mono = 0;
  let timers = [];
  let timerId = 0;
  const listeners = {};
  /** Requests as the collector saw them: { url, headers, body, events, keepalive, at }. */
  const requests = [];
  const beacons = [];
  const world = {
    URL,
    Headers,
    Request,
    Response,
    Blob,
    CompressionStream,
    crypto: globalThis.crypto,
    localStorage,
    sessionStorage,
    location: new URL(shared.href ?? "https://shop.example/cart"),
    navigator: {
      locks: shared.locks,
      sendBeacon: (url, blob) => beacons.push({ url, blob }) > 0,
    },
    document: Object.assign(new EventTarget(), { visibilityState: "visible" }),
    performance: { now: () => mono },
    Date: { now: () => Math.floor(now) },
    console: { warn() {}, error() {} },
    setTimeout(act, ms = 0, ...args) {
      timers.push({ id: ++timerId, at: mono + Math.max(0, ms), act: () => act(...args) });
      return timerId;
    },
    clearTimeout(id) {
      timers = timers.filter((one) => one.id !== id);
    },
    addEventListener: (type, act) => (listeners[type] ??= []).push(act),
    removeEventListener: (type, act) => {
      listeners[type] = (listeners[type] ?? []).filter((one) => one !== act);
    },
    /** Answers: a status, a Response, "lost" (no answer), "hang", or a function of the request. */
    answer: 202,
    async fetch(input, init) {
      const { url = String(input), headers: own } = input;
      const { method, body, headers = own, keepalive, signal } = init ?? {};
      const request = { url, method, body, headers, keepalive, signal, at: mono };
      requests.push(request);
      const { answer } = world;
      const given = typeof answer === "function" ? await answer(request) : answer;
      if (given === "hang")
        return new Promise((_, reject) =>
          signal.addEventListener("abort", () => reject(new Error("AbortError"))),
        );
      if (given === "lost") throw new TypeError("Failed to fetch");
      return given instanceof Response
        ? given
        : new Response(given === 204 ? null : "{}", { status: given });
    },
  };
  const settle = async () => {
    for (let round = 0; round < 6; round++) await turn();
  };
  const batches = () => requests.filter(({ url }) => url.startsWith(OPTIONS.endpoint));
  return {
    world,
    requests,
    beacons,
    settle,
    /** Let time pass, timers and what they start included. */
    async tick(ms) {
      const end = mono + ms;
      await settle();
      for (;;) {
        const due = timers
          .filter((one) => one.at <= end)
          .sort((a, b) => a.at - b.at || a.id - b.id)[0];
        if (!due) break;
        timers = timers.filter((one) => one !== due);
        now += due.at - mono;
        mono = due.at;
        due.act();
        await settle();
      }
      now += end - mono;
      mono = end;
      await settle();
    },
    fire: (type, event = {}) => (listeners[type] ?? []).forEach((act) => act(event)),
    setClock: (ms) => (now = ms),
    listeners,
    timerCount: () => timers.length,
    bodies: () => batches().map(({ body }) => JSON.parse(body)),
    events: () => batches().flatMap(({ body }) => JSON.parse(body).events),
  };
}

export const OPTIONS = {
  endpoint: "https://shop.example/api/v1/ingest/batches",
  apiKey: "hw_abc_secretpart",
  app: "shop",
};

/** The identity that holds at every moment. */
export function isBalanced(log) {
  const { captured, sent, stored, queued, dropped, deduped, sampled } = log.stats();
  return captured === sent + stored + queued + dropped + deduped + sampled;
}
