import type { Suite } from "../../scenario/scenario.ts";
import { addresses } from "./addresses.ts";
import { commands } from "./commands.ts";
import { leaseFiles } from "./leases.ts";
import { requests } from "./requests.ts";
import { results } from "./results.ts";

/** What host-local promises, called by itself and below bridge. */
export const hostLocal: Suite = {
  name: "host-local",
  scenarios: [...addresses, ...requests, ...leaseFiles, ...commands, ...results],
};
