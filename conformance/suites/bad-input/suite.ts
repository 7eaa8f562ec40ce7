import type { Suite } from "../../scenario/scenario.ts";
import { chainedGroups } from "./chained.ts";
import { deletions, documentGroups } from "./documents.ts";
import { scenarioOf } from "./table.ts";
import { interfaceGroups } from "./values.ts";

/** Inputs that are broken: each is refused with an error that tells why, and changes nothing. */
export const badInput: Suite = {
  name: "bad input",
  scenarios: [...documentGroups, ...deletions, ...interfaceGroups, ...chainedGroups].flatMap(scenarioOf),
};
