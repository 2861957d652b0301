import { runCases } from "./run.js";
import { longCases } from "./cases/floods.js";

runCases(longCases, { concurrency: 1, timeout: 2_700_000 });
