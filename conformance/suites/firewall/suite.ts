import type { Suite } from "../../scenario/scenario.ts";
import { firewallLife } from "./life.ts";
import { firewallPackets } from "./packets.ts";
import { firewallRules } from "./rules.ts";

/** What firewall promises: its rules, what packets meet, and what is left after each end. */
export const firewall: readonly Suite[] = [firewallRules, firewallPackets, firewallLife];
