import { delegate } from "../../shared/cni/delegate.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Iptables } from "../../shared/iptables/client.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { findLink } from "../../shared/rtnetlink/link.ts";
import type { BridgeConfig } from "./config.ts";
import { chooseMasquerade } from "./masquerade/masquerade.ts";
import { assertNftables, notAvailable } from "./unavailable.ts";

/** Makes sure that ADD would work: kernel access, bridge, masquerading, IPAM. Throws CniError code 50. */
export function status(request: Request, config: BridgeConfig, iptables: Iptables): void {
  assertBridgeUsable(config);
  if (config.ipMasq) chooseMasquerade(config.ipMasqBackend, iptables).status();
  if (config.macSpoofCheck) assertNftables();
  if (config.ipam.type !== "") delegate(request, config.ipam, "STATUS");
}

function assertBridgeUsable(config: BridgeConfig): void {
  const rt = openRtnetlink();
  try {
    const bridge = findLink(rt, config.bridge);
    if (bridge !== undefined && bridge.kind !== "bridge") {
      throw notAvailable(
        `"${config.bridge}" already exists but is not a bridge`,
        'give the network another "bridge"',
      );
    }
  } finally {
    rt.close();
  }
}
