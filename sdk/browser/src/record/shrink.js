const LENGTH = 1024;
const FRAMES = 10;

/**
 * Cut an event down to what it must have, in place: it was larger than the gateway takes.
 *
 * @param {Record<string, any>} event
 */
export function shrink(event) {
  const { extra_data, message, exception } = event;
  event.extra_data = { seq: extra_data?.seq, _truncated: true };
  if (message) event.message = message.slice(0, LENGTH);
  if (exception) {
    const { type, value, stacktrace } = exception;
    event.exception = {
      type,
      value: value.slice(0, LENGTH),
      stacktrace: stacktrace.slice(0, FRAMES),
    };
  }
}
