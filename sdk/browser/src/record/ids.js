/** @param {number} length in hexadecimal digits */
export const hex = (length) =>
  [...crypto.getRandomValues(new Uint8Array(length / 2))]
    .map((byte) => (byte + 256).toString(16).slice(1))
    .join("");

/** @param {number} ms the time in it is that of the event: the gateway keeps such an id */
export function uuid7(ms) {
  const random = hex(18);
  return `${ms.toString(16).padStart(12, "0")}7${random.slice(0, 3)}8${random.slice(3)}`.replace(
    /(.{8})(.{4})(.{4})(.{4})/,
    "$1-$2-$3-$4-",
  );
}
