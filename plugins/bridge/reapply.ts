import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import { withUndo } from "../../shared/cni/undo-stack.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { findLink } from "../../shared/rtnetlink/link.ts";
import { isOwn } from "./check.ts";
import type { BridgeConfig } from "./config.ts";
import { refuseLinkLocalLearning } from "./host-bridge.ts";
import { addMasquerade, notMasqueraded } from "./masquerade.ts";
import { addSpoofCheck } from "./spoof-check.ts";
import { findHostEnds } from "./veth.ts";

/** Makes rules again that were flushed: masquerading and the check of source MACs. Throws CniError. */
export function reapply(request: Request, config: BridgeConfig): void {
  const result = requirePrevResult(request, "reapply of bridge");
  const addresses = result.ips
    .filter((ip) => isOwn(ip, result, request.ifname))
    .map(({ address }) => address);
  withUndo((undo) => {
    if (config.ipMasq) {
      const missing = notMasqueraded(request, addresses);
      if (missing.length > 0) addMasquerade(config.ipMasqBackend, request, missing, undo);
    }
    if (!config.macSpoofCheck) return;
    const rt = openRtnetlink();
    const bridge = findLink(rt, config.bridge);
    if (bridge?.kind === "bridge") refuseLinkLocalLearning(rt, bridge);
    const mac = result.interfaces.find(
      ({ name, sandbox }) => name === request.ifname && (sandbox ?? "") !== "",
    )?.mac;
    for (const { name } of findHostEnds(rt, request))
      if (mac !== undefined) addSpoofCheck(request, name, mac, undo);
    rt.close();
  });
}
