import type { Result } from "./result.ts";

/** For tests: a result with nothing in it. */
export const emptyResult: Result = { interfaces: [], ips: [], routes: [], dns: {} };
