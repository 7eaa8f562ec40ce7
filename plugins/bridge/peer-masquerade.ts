import { sha512 } from "../../shared/cni/sha512.ts";
import type { ChainName } from "../../shared/nftables/chain.ts";
import type { Owner } from "./owner.ts";

/** The chain in which the Go plugin has a rule for each address of a container (ipMasqBackend nftables). */
export const peerChain: ChainName = {
  table: { family: "inet", name: "cni_plugins_masquerade" },
  name: "masq_checks",
};

/** How the comments of its rules for an attachment begin. */
export function peerCommentStart({ network, containerId, ifname }: Owner): string {
  return `${peerNetworkStart(network)}${hash(`${ifname}:${containerId}`)}`;
}

/** How the comments of its rules for a network begin. */
export function peerNetworkStart(network: string): string {
  return `${hash(network)}-`;
}

function hash(text: string): string {
  return sha512(text).slice(0, 16);
}
