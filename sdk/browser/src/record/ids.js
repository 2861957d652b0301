/** Random digits in stock: to ask for those of one event costs more than to make all the rest of it. */
let stock = "";

/** @param {number} length in hexadecimal digits */
export const hex = (length) => {
  if (stock.length < length)
    for (const byte of crypto.getRandomValues(new Uint8Array(256)))
      stock += (byte + 256).toString(16).slice(1);
  const digits = stock.slice(0, length);
  stock = stock.slice(length);
  return digits;
};

/** @param {number} ms the time in it is that of the event: the gateway keeps such an id */
export function uuid7(ms) {
  const time = ms.toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(3)}-8${hex(3)}-${hex(12)}`;
}
