/** @typedef {import("../types.js").World} World */

/** @param {World} world @param {number} length in hexadecimal digits */
export function hex(world, length) {
  const bytes = new Uint8Array(length / 2);
  if (world.crypto && world.crypto.getRandomValues) world.crypto.getRandomValues(bytes);
  else bytes.forEach((_, index) => (bytes[index] = Math.random() * 256));
  return [...bytes].map((byte) => (byte + 256).toString(16).slice(1)).join("");
}

/** @param {World} world @param {number} ms the time in it is that of the event: the gateway keeps such an id */
export function uuid7(world, ms) {
  const time = ms.toString(16).padStart(12, "0");
  const random = hex(world, 20);
  const variant = "89ab"[parseInt(random[3], 16) & 3];
  return [
    time.slice(0, 8),
    time.slice(8),
    `7${random.slice(0, 3)}`,
    variant + random.slice(4, 7),
    random.slice(8),
  ].join("-");
}
