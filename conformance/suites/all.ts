import type { Suite } from "../scenario/scenario.ts";
import { loopback } from "./loopback.ts";

/** Every suite, in the order in which they are run and reported. */
export const suites: readonly Suite[] = [loopback];
