/**
 * Listen to what the page throws.
 *
 * @param {import("../types.js").Options["capture"]} capture
 * @param {(type: string, act: (event: any) => void) => void} on
 * @param {(error: unknown, type?: string) => void} thrown
 */
export function listen({ errors = true, rejections = true } = {}, on, thrown) {
  if (errors)
    on("error", ({ error, message }) => {
      // A note of the browser to itself, thrown by nobody.
      if (!/^ResizeObserver/.test(message)) thrown(error || message);
    });
  if (rejections) on("unhandledrejection", ({ reason }) => thrown(reason, "UnhandledRejection"));
}
