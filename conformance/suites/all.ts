import type { Suite } from "../scenario/scenario.ts";
import { bridge } from "./bridge/bridge.ts";
import { hostLocal } from "./host-local.ts";
import { loopback } from "./loopback.ts";
import { portmapPackets } from "./portmap/packets.ts";
import { portmapRules } from "./portmap/rules.ts";
import { protocol } from "./protocol/suite.ts";

/** Every suite, in the order in which they are run and reported. */
export const suites: readonly Suite[] = [protocol, loopback, hostLocal, bridge, portmapRules, portmapPackets];
