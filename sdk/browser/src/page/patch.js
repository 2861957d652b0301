/**
 * Put another function in place of a method; return what takes it back. Where somebody wrapped ours
 * meanwhile it stays.
 *
 * @param {any} object
 * @param {string} name
 * @param {(original: (...given: any[]) => any) => (...given: any[]) => any} wrap
 * @returns {() => void}
 */
export function patch(object, name, wrap) {
  const original = object[name];
  const ours = (object[name] = wrap(original));
  return () => {
    if (object[name] === ours) object[name] = original;
  };
}
