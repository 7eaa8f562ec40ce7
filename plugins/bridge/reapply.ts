import { ifAlive } from "../../shared/cni/living.ts";
import type { Reapplied, Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import { withUndo } from "../../shared/cni/undo-stack.ts";
import { formatPrefix } from "../../shared/ip/prefix.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { findLink } from "../../shared/rtnetlink/link.ts";
import { isOwn } from "./check.ts";
import type { BridgeConfig } from "./config.ts";
import { refuseLinkLocalLearning } from "./host-bridge.ts";
import { addMasquerade, notMasqueraded } from "./masquerade.ts";
import { addSpoofCheck, spoofChecker } from "./spoof-check.ts";
import { findHostEnds } from "./veth.ts";

/** Makes rules again that were flushed: masquerading and the check of source MACs. Throws CniError. */
export function reapply(request: Request, config: BridgeConfig): Reapplied {
  return ifAlive(request, (result) => [
    ...(config.ipMasq ? masqueradeAgain(request, config, result) : []),
    ...(config.macSpoofCheck ? checkSendersAgain(request, config, result) : []),
  ]);
}

function masqueradeAgain(request: Request, config: BridgeConfig, result: Result): string[] {
  const addresses = result.ips
    .filter((ip) => isOwn(ip, result, request.ifname))
    .map(({ address }) => address);
  const missing = notMasqueraded(request, addresses);
  if (missing.length > 0) {
    withUndo((undo) => addMasquerade(config.ipMasqBackend, request, missing, undo));
  }
  return missing.map((address) => `masquerading of ${formatPrefix(address)}`);
}

function checkSendersAgain(request: Request, config: BridgeConfig, result: Result): string[] {
  const mac = result.interfaces.find(
    ({ name, sandbox }) => name === request.ifname && (sandbox ?? "") !== "",
  )?.mac;
  if (mac === undefined) return [];
  const rt = openRtnetlink();
  try {
    const bridge = findLink(rt, config.bridge);
    if (bridge?.kind === "bridge") refuseLinkLocalLearning(rt, bridge);
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
