import { init } from "/headwater.js";
import { instrumentFetch } from "/requests.js";

const settings = await (await fetch("/settings.json")).json();
/** @param {string} id */
const $ = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const SHOWN = /** @type {const} */ ([
  "captured",
  "sent",
  "stored",
  "queued",
  "deduped",
  "dropped",
  "recovered",
  "redacted",
]);
const KEPT_REQUESTS = 30;

/**
 * @typedef {{message?: string, exception?: {value?: string}, request_path?: string,
 *   count?: number}} Shown what is looked at of an event
 * @type {Map<string, WireRequest & {id: string, attempts: number, events: Shown[]}>}
 */
const requests = new Map();
window.wire.watch(settings.endpoint, (request) => {
  const { batch_id: id, events } = JSON.parse(request.body);
  const known = requests.get(id) ?? { id, attempts: 0, at: request.at };
  if (request.status === "on its way" || request.status === "offline") known.attempts += 1;
  requests.set(id, { ...known, events, status: request.status, body: request.body });
  if (requests.size > KEPT_REQUESTS) requests.delete([...requests.keys()][0]);
  showRequests();
});

const log = init({ ...settings, env: "demo", release: "demo" });
window.log = log;
instrumentFetch(log);
log.setUser({ id: "visitor" });

const PASSWORD = "correct-horse-battery";
/** @type {Record<string, () => unknown>} */
const actions = {
  log: () => log.info("parcel packed", { shelf: 7, packedBy: "Mira" }),
  warn: () => log.warn("stock is low", { article: "blue kettle", left: 3 }),
  order: async () => {
    const answer = await fetch("/api/orders", { method: "POST" });
    log.info("order placed", { status: answer.status });
  },
  throw: () => {
    throw new TypeError("cart is undefined");
  },
  reject: () => void Promise.reject(new Error("the payment provider did not answer")),
  flood: () => {
    for (let round = 0; round < 10_000; round += 1) log.error("the same trouble again");
  },
  leak: () =>
    log.info(`sign-in with password=${PASSWORD} and card 4111 1111 1111 1111`, {
      form: { email: "mira@example.com", password: PASSWORD },
      next: `https://mira:${PASSWORD}@example.com/?access_token=abcdef0123456789`,
    }),
  offline: () => {
    window.wire.isOffline = !window.wire.isOffline;
  },
  reload: () => location.reload(),
  flush: () => log.flush(),
  newTrace: () => log.newTrace(),
  clear: () => {
    requests.clear();
    showRequests();
  },
};
/** @type {NodeListOf<HTMLButtonElement>} */
const buttons = document.querySelectorAll("[data-do]");
for (const button of buttons)
  button.addEventListener("click", async () => {
    try {
      await actions[button.dataset.do ?? ""]();
    } finally {
      show();
    }
  });

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} name
 * @param {Partial<HTMLElementTagNameMap[T]>} [given]
 * @param {...(Node | string)} children
 */
function element(name, given = {}, ...children) {
  const made = document.createElement(name);
  Object.assign(made, given);
  made.append(...children);
  return made;
}

function show() {
  const stats = log.stats();
  $("stats").replaceChildren(
    ...SHOWN.map((name) =>
      element(
        "div",
        {},
        element("dt", {}, name),
        element("dd", {}, stats[name].toLocaleString("en-US")),
      ),
    ),
  );
  const { sent, stored, queued, dropped, deduped, sampled } = stats;
  const sum = sent + stored + queued + dropped + deduped + sampled;
  /** @type {[number, string][]} */
  const counts = [
    [sent, "sent"],
    [stored, "stored"],
    [queued, "queued"],
    [deduped, "folded"],
    [dropped, "dropped"],
  ];
  const parts = counts.filter(([count]) => count);
  const text = parts.map(([count, name]) => `${count.toLocaleString("en-US")} ${name}`).join(" + ");
  $("books").textContent = stats.captured
    ? `${stats.captured.toLocaleString("en-US")} captured ${sum === stats.captured ? "=" : "≠"} ${text}`
    : "";
  $("books").classList.toggle("wrong", sum !== stats.captured);
  $("trace").textContent = log.traceId();
  const { isOffline } = window.wire;
  $("line").textContent = isOffline ? "offline" : "online";
  $("line").classList.toggle("off", isOffline);
  const toggle = [...buttons].find((button) => button.dataset.do === "offline");
  toggle?.replaceChildren(isOffline ? "Go online" : "Go offline");
  toggle?.setAttribute("aria-pressed", String(isOffline));
}

/** The text with what was redacted marked. @param {string} text */
function marked(text) {
  const [first, ...rest] = text.split(/\[REDACTED(?:_\w+)?\]/);
  return [first, ...rest.flatMap((part) => [element("mark", {}, "[REDACTED]"), part])];
}

const open = new Set();
function showRequests() {
  $("nothing").hidden = requests.size > 0;
  const items = [...requests.values()]
    .reverse()
    .map(({ id, at, attempts, events, status, body }) => {
      const state = status === 202 ? "good" : status === "on its way" ? "busy" : "bad";
      const title = events
        .map((event) => event.message ?? event.exception?.value ?? event.request_path)
        .join(" · ");
      const occurrences = events.reduce((sum, event) => sum + (event.count ?? 1), 0);
      const count = `${events.length} ${events.length === 1 ? "event" : "events"}`;
      const more = [
        occurrences > events.length ? `${occurrences.toLocaleString("en-US")} occurrences` : "",
        attempts > 1 ? `attempt ${attempts}` : "",
        `${new Blob([body]).size.toLocaleString("en-US")} bytes`,
      ].filter(Boolean);
      const summary = element(
        "summary",
        {},
        element("span", { className: `state ${state}` }, String(status)),
        element("time", {}, at.toLocaleTimeString("en-GB")),
        element("span", { className: "count" }, count),
        element("span", { className: "names" }, title),
        element("span", { className: "more" }, more.join(", ")),
      );
      const details = element("details", { open: open.has(id) }, summary);
      details.append(element("pre", {}, ...marked(JSON.stringify(JSON.parse(body), null, 2))));
      details.addEventListener("toggle", () => (details.open ? open.add(id) : open.delete(id)));
      return element("li", {}, details);
    });
  $("sent").replaceChildren(...items);
}

show();
setInterval(show, 500);
