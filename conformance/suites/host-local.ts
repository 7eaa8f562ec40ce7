import type { Suite } from "../scenario/scenario.ts";
import { addresses } from "./host-local/addresses.ts";
import { commands } from "./host-local/commands.ts";
import { leaseFiles } from "./host-local/leases.ts";
import { requests } from "./host-local/requests.ts";
import { results } from "./host-local/results.ts";

/** What host-local promises, called by itself and below bridge. */
export const hostLocal: Suite = {
  name: "host-local",
  scenarios: [...addresses, ...requests, ...leaseFiles, ...commands, ...results],
};
