import { patch } from "./patch.js";

/**
 * @typedef {object} Page what the page's events are told to
 * @property {(error: unknown, type?: string) => void} thrown
 * @property {(level: number, values: unknown[]) => void} printed
 * @property {(directive: string, address: string) => void} blocked
 * @property {(isGone?: boolean) => void} leave
 * @property {(isKept: boolean) => void} back
 * @property {() => void} online
 */

/**
 * Listen to what the page throws, prints and goes through.
 *
 * @param {import("../types.js").World} world
 * @param {import("../types.js").Options["capture"]} capture
 * @param {Page} page
 * @param {(() => void)[]} undo takes what ends it
 */
export function listen(world, capture, page, undo) {
  const { errors = true, rejections = true, console: prints, csp } = capture || {};
  const { document } = world;
  /** @param {any} target @param {string} type @param {(event: any) => void} act */
  const on = (target, type, act) => {
    target.addEventListener(type, act);
    undo.push(() => target.removeEventListener(type, act));
  };

  if (errors)
    on(world, "error", ({ error, message }) => {
      // A note of the browser to itself, thrown by nobody.
      if (!/^ResizeObserver loop/.test(message)) page.thrown(error || message);
    });
  if (rejections)
    on(world, "unhandledrejection", ({ reason }) => page.thrown(reason, "UnhandledRejection"));
  if (prints)
    ["warn", "error"].forEach((name, index) =>
      undo.push(
        patch(world.console, name, (original) => (...values) => {
          original.apply(world.console, values);
          page.printed(index + 2, values);
        }),
      ),
    );

  if (csp)
    on(document, "securitypolicyviolation", ({ effectiveDirective, blockedURI }) =>
      page.blocked(effectiveDirective, blockedURI),
    );

  // Not `unload` and `beforeunload`: they keep pages out of the back/forward cache, and users stay.
  on(world, "pagehide", () => page.leave(true));
  on(world, "pageshow", ({ persisted }) => page.back(persisted));
  on(world, "online", page.online);
  on(document, "visibilitychange", () => {
    if (document.visibilityState === "hidden") page.leave();
  });
}
