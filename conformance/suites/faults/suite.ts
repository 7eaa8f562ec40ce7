import type { Suite } from "../../scenario/scenario.ts";
import { kill } from "./kill.ts";
import { resources } from "./resources.ts";

/** What plugins do without something that they need, and when they are killed. */
export const faults: readonly Suite[] = [resources, kill];
