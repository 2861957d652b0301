// Before the SDK: it keeps the fetch that it finds. Shows what goes to the gateway, and cuts the wire.
(() => {
  const native = window.fetch;
  /** @type {((request: WireRequest) => void)[]} */
  const listeners = [];
  let isOffline = sessionStorage.getItem("demo:offline") === "yes";
  let endpoint = "";

  /** @param {WireRequest} request */
  const tell = (request) => listeners.forEach((listener) => listener(request));

  window.wire = {
    get isOffline() {
      return isOffline;
    },
    set isOffline(value) {
      isOffline = value;
      sessionStorage.setItem("demo:offline", value ? "yes" : "no");
      window.dispatchEvent(new Event(value ? "offline" : "online"));
    },
    watch(address, listener) {
      endpoint = address;
      listeners.push(listener);
    },
  };

  window.fetch = async (input, init) => {
    if (!endpoint || !String(input).startsWith(endpoint)) return native(input, init);
    const request = { at: new Date(), body: String(init?.body), status: "on its way" };
    if (isOffline) {
      tell({ ...request, status: "offline" });
      throw new TypeError("Failed to fetch");
    }
    tell(request);
    try {
      const answer = await native(input, init);
      tell(Object.assign(request, { status: answer.status }));
      return answer;
    } catch (error) {
      tell(Object.assign(request, { status: "no answer" }));
      throw error;
    }
  };
})();
