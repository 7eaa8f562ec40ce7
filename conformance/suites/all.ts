import type { Suite } from "../scenario/scenario.ts";
import { bridge } from "./bridge/bridge.ts";
import { loopback } from "./loopback.ts";
import { portmapRules } from "./portmap/rules.ts";

/** Every suite, in the order in which they are run and reported. */
export const suites: readonly Suite[] = [loopback, bridge, portmapRules];
