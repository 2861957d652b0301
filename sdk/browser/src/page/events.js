import { patch } from "./patch.js";

/**
 * Listen to what the page throws and prints.
 *
 * @param {import("../types.js").World} world
 * @param {import("../types.js").Options["capture"]} capture
 * @param {(type: string, act: (event: any) => void) => void} on
 * @param {(error: unknown, type?: string) => void} thrown
 * @param {(level: number, values: unknown[]) => void} printed
 * @param {(() => void)[]} undo takes what ends it
 */
export function listen(
  { console },
  { errors = true, rejections = true, console: prints } = {},
  on,
  thrown,
  printed,
  undo,
) {
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
}
