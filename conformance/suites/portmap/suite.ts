import type { Suite } from "../../scenario/scenario.ts";
import { portmapLife } from "./life.ts";
import { portmapPackets } from "./packets.ts";
import { portmapRules } from "./rules.ts";

/** What portmap promises: its rules, what packets meet, and what is left after each end. */
export const portmap: readonly Suite[] = [portmapRules, portmapPackets, portmapLife];
