// What the demo's page puts on its window: the tap on its wire, and its log.
interface WireRequest {
  at: Date;
  body: string;
  status: number | string;
}

interface Window {
  wire: {
    isOffline: boolean;
    watch(address: string, listener: (request: WireRequest) => void): void;
  };
  log: import("../../../sdk/browser/src/types.js").Log;
}
