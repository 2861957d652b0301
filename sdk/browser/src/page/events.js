/** @typedef {import("../types.js").World} World */

/**
 * @typedef {object} Page what the page's events are told to
 * @property {(error: unknown, type?: string) => void} thrown
 * @property {(level: number, values: unknown[]) => void} printed
 * @property {(gone: boolean) => void} leave
 * @property {(kept: boolean) => void} back
 * @property {() => void} online
 */

/**
 * Listen to what the page throws, prints and goes through; return what ends it.
 *
 * @param {World} world
 * @param {import("../types.js").Settings["capture"]} capture
 * @param {Page} page
 */
export function listen(world, capture, page) {
  /** @type {(() => void)[]} */
  const undo = [];
  /** @param {any} target @param {string} type @param {(event: any) => void} act */
  const on = (target, type, act) => {
    target.addEventListener(type, act);
    undo.push(() => target.removeEventListener(type, act));
  };

  if (capture.errors)
    on(world, "error", ({ error, message }) => {
      // A note of the browser to itself, thrown by nobody.
      if (!/^ResizeObserver loop/.test(message)) page.thrown(error || message);
    });
  if (capture.rejections)
    on(world, "unhandledrejection", ({ reason }) => page.thrown(reason, "UnhandledRejection"));
  if (capture.console)
    [2, 3].forEach((level) => {
      const { console } = /** @type {any} */ (world);
      const name = level > 2 ? "error" : "warn";
      const original = console[name];
      /** @param {unknown[]} values */
      const ours = (...values) => {
        original.apply(console, values);
        page.printed(level, values);
      };
      console[name] = ours;
      undo.push(() => {
        if (console[name] === ours) console[name] = original;
      });
    });

  // Not `unload` and `beforeunload`: they keep pages out of the back/forward cache, and users stay.
  on(world, "pagehide", () => page.leave(true));
  on(world, "pageshow", ({ persisted }) => page.back(persisted));
  on(world, "online", page.online);
  const { document } = world;
  if (document)
    on(document, "visibilitychange", () => {
      if (document.visibilityState === "hidden") page.leave(false);
    });
  return () => undo.forEach((one) => one());
}
