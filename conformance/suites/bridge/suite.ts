import type { Suite } from "../../scenario/scenario.ts";
import { attach } from "./attach.ts";
import { check } from "./check.ts";
import { gateways } from "./gateway.ts";
import { life } from "./life.ts";
import { masquerade } from "./masquerade.ts";
import { portSettings } from "./port.ts";
import { spoofCheck } from "./spoof-check.ts";
import { vlan } from "./vlan.ts";

/** What the bridge plugin promises. */
export const bridge: Suite = {
  name: "bridge",
  scenarios: [
    ...attach,
    ...gateways,
    ...portSettings,
    ...masquerade,
    ...spoofCheck,
    ...vlan,
    ...check,
    ...life,
  ],
};
