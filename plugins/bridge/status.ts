import { delegate } from "../../shared/cni/delegate.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { hasIptables } from "../../shared/iptables/client.ts";
import { hasNftables } from "../../shared/nftables/client.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { findLink } from "../../shared/rtnetlink/link.ts";
import { type BridgeConfig, decodeConfig } from "./config.ts";
import { chooseBackend } from "./masquerade.ts";

/** Tells whether ADD would work: configuration, kernel access, bridge, iptables, IPAM. Throws CniError code 50. */
export function status(request: Request): void {
  const config = decodeConfig({ ...request, args: "" });
  lookAtHost(config);
  if (
    config.ipMasq &&
    chooseBackend(config.ipMasqBackend) === "iptables" &&
    !hasIptables(4) &&
    !hasIptables(6)
  ) {
    throw notAvailable('iptables is not installed, and "ipMasq" needs it', "install the package iptables");
  }
  const needsNftables =
    config.macSpoofCheck || (config.ipMasq && chooseBackend(config.ipMasqBackend) === "nftables");
  if (needsNftables && !hasNftables()) {
    throw notAvailable(
      "the kernel has no nf_tables, or does not let this process use it",
      "macspoofchk and ipMasqBackend nftables need CONFIG_NF_TABLES and root",
    );
  }
  if (config.ipam.type !== "") delegate(request, config.ipam, "STATUS");
}

function lookAtHost(config: BridgeConfig): void {
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

function notAvailable(msg: string, details: string): CniError {
  return new CniError(ErrorCode.pluginNotAvailable, msg, details);
}
