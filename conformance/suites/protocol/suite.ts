import type { Suite } from "../../scenario/scenario.ts";
import { lifeOfAttachments } from "./attachments.ts";
import { configuration } from "./configuration.ts";
import { delegation } from "./delegation.ts";
import { parameters } from "./parameters.ts";

/** What the specification demands of every plugin, whatever it does. */
export const protocol: Suite = {
  name: "protocol",
  scenarios: [...parameters, ...configuration, ...lifeOfAttachments, ...delegation],
};
