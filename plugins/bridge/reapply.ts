import { ifAlive } from "../../shared/cni/living.ts";
import type { Reapplied, Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import { withUndo } from "../../shared/cni/undo-stack.ts";
import { formatPrefix, type IpPrefix } from "../../shared/ip/prefix.ts";
import type { Iptables } from "../../shared/iptables/client.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { findLink } from "../../shared/rtnetlink/link.ts";
import { containerEntry, ownAddresses } from "./check-interface.ts";
import type { BridgeConfig } from "./config.ts";
import { disableLinkLocalLearning } from "./host-bridge.ts";
import { findHostEnds } from "./host-end.ts";
import { chooseMasquerade, notMasqueraded } from "./masquerade/masquerade.ts";
import { addSpoofCheck, spoofChecker } from "./spoof-check/spoof-check.ts";

/** Makes rules again that were flushed: masquerading and the check of source MACs. Throws CniError. */
export function reapply(request: Request, config: BridgeConfig, iptables: Iptables): Reapplied {
  return ifAlive(request, (result) => [
    ...(config.ipMasq
      ? masqueradeAgain(request, config, ownAddresses(result, request.ifname), iptables)
      : []),
    ...(config.macSpoofCheck ? checkSendersAgain(request, config, result) : []),
  ]);
}

function masqueradeAgain(
  request: Request,
  config: BridgeConfig,
  addresses: readonly IpPrefix[],
  iptables: Iptables,
): string[] {
  const missing = notMasqueraded(request, addresses, iptables);
  if (missing.length > 0) {
    withUndo((undo) => chooseMasquerade(config.ipMasqBackend, iptables).add(request, missing, undo));
  }
  return missing.map((address) => `masquerading of ${formatPrefix(address)}`);
}

function checkSendersAgain(request: Request, config: BridgeConfig, result: Result): string[] {
  const mac = containerEntry(result, request.ifname)?.mac;
  if (mac === undefined) return [];
  const rt = openRtnetlink();
  try {
    const bridge = findLink(rt, config.bridge);
    if (bridge?.kind === "bridge") disableLinkLocalLearning(rt, bridge);
    const unchecked = findHostEnds(rt, request).filter(
      ({ name }) => spoofChecker(request, name, mac) === undefined,
    );
    withUndo((undo) => {
      for (const { name } of unchecked) addSpoofCheck(request, name, mac, undo);
    });
    return unchecked.map(({ name }) => `check of source MACs of ${name}`);
  } finally {
    rt.close();
  }
}
