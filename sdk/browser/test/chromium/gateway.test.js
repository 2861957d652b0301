import { runCases } from "./run.js";
import { cases as delivery } from "./cases/delivery.js";
import { cases as exits } from "./cases/exits.js";
import { cases as floods } from "./cases/floods.js";
import { cases as records } from "./cases/records.js";

const { HEADWATER_ENDPOINT: endpoint, HEADWATER_KEY: key, HEADWATER_REPORT: report } = process.env;
if (!endpoint || !key) throw new Error("HEADWATER_ENDPOINT and HEADWATER_KEY name the gateway");

const only = process.env.CASES?.split(",").map(Number);
const all = [...exits, ...delivery, ...floods, ...records].filter(
  ({ gateway, number }) => gateway && (!only || only.includes(number)),
);
runCases(all, { concurrency: 6, gateway: { endpoint, key }, report });
