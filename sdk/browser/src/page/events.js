import { patch } from "./patch.js";

/**
 * Listen to what the page throws, prints and is kept from.
 *
 * @param {import("../types.js").World} world
 * @param {import("../types.js").Options["capture"]} capture
 * @param {(type: string, act: (event: any) => void) => void} on
 * @param {(error: unknown, type?: string) => void} thrown
 * @param {(level: number, values: unknown[]) => void} printed
 * @param {(directive: string, address: string) => void} blocked
 * @param {(() => void)[]} undo takes what ends it
 */
export function listen({ console }, capture, on, thrown, printed, blocked, undo) {
  const { errors = true, rejections = true, console: prints, csp } = capture || {};
  if (errors)
    on("error", ({ error, message }) => {
      // A note of the browser to itself, thrown by nobody.
      if (!/^ResizeObserver/.test(message)) thrown(error || message);
    });
  if (rejections) on("unhandledrejection", ({ reason }) => thrown(reason, "UnhandledRejection"));
  if (prints)
    ["warn", "error"].forEach((name, index) =>
      undo.push(
        patch(console, name, (original) => (...values) => {
          original.apply(console, values);
          printed(index + 2, values);
        }),
      ),
    );
  if (csp)
    on("securitypolicyviolation", ({ effectiveDirective, blockedURI }) =>
      blocked(effectiveDirective, blockedURI),
    );
}
