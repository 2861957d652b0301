import { runCases } from "./run.js";
import { cases as delivery } from "./cases/delivery.js";
import { cases as exits } from "./cases/exits.js";
import { cases as floods } from "./cases/floods.js";
import { cases as hosts } from "./cases/hosts.js";
import { cases as records } from "./cases/records.js";
import { cases as storage } from "./cases/storage.js";

const only = process.env.CASES?.split(",").map(Number);
const all = [...exits, ...delivery, ...hosts, ...storage, ...floods, ...records];
runCases(only ? all.filter(({ number }) => only.includes(number)) : all, { concurrency: 6 });
