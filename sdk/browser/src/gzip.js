/** Compresses what is sent. An entry of its own: a page that does not ask for it does not load it. */

const FROM_BYTES = 1024; // below it the heads weigh more than what is saved

/**
 * For the option `gzip`: return a body compressed, or nothing where that is not worth it or the
 * browser cannot.
 *
 * @param {string} body
 * @param {typeof globalThis} [world]
 * @returns {Promise<Blob | undefined>}
 */
export async function gzip(body, world = globalThis) {
  const plain = new Blob([body]);
  if (plain.size <= FROM_BYTES || !world.CompressionStream) return;
  return new Response(plain.stream().pipeThrough(new world.CompressionStream("gzip"))).blob();
}
