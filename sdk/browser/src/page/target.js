/**
 * Return the test of which addresses get the trace id: the page's own origin and those on the list,
 * nobody else. A foreign service would refuse a request with a header that it does not know.
 *
 * @param {import("../types.js").World} world
 * @param {import("../types.js").Settings} settings
 * @returns {(url: any) => boolean | undefined}
 */
export function createTarget({ location }, { endpoint, propagateTo = [] }) {
  return (url) => {
    try {
      const { href, origin } = new URL(url, location.href);
      const isOurs =
        origin === location.origin ||
        [propagateTo]
          .flat()
          .some((one) => (typeof one === "string" ? href.startsWith(one) : one.test(href)));
      return isOurs && !href.startsWith(new URL(endpoint, location.href).href);
    } catch {
      // no address
    }
  };
}
