/**
 * Send the trace id along with the requests of an Axios instance; return what takes it back.
 *
 * @param {any} axios
 * @param {{ traceFor: (url: string) => string | undefined }} log
 * @returns {() => void}
 */
export function instrumentAxios(axios, log) {
  try {
    const { request } = axios.interceptors;
    const id = request.use((/** @type {any} */ config) => {
      try {
        const trace = log.traceFor(axios.getUri({ ...config, params: undefined }));
        if (trace && !config.headers.has("X-Trace-Id")) config.headers.set("X-Trace-Id", trace);
      } catch {
        // ours to blame: the caller's request goes out as it was
      }
      return config;
    });
    return () => request.eject(id);
  } catch {
    return () => {}; // that is no Axios
  }
}
