import type { AttachmentKey } from "../../../shared/cni/attachment-key.ts";
import { sha512 } from "../../../shared/cni/sha512.ts";
import type { ChainName } from "../../../shared/nftables/chain.ts";

/** The chain in which the Go plugin has a rule for each address of a container (ipMasqBackend nftables). */
export const goMasqueradeChain: ChainName = {
  table: { family: "inet", name: "cni_plugins_masquerade" },
  name: "masq_checks",
};

/** The beginning of its comments on the rules of an attachment. */
export function goCommentStart({ network, containerId, ifname }: AttachmentKey): string {
  return `${goNetworkStart(network)}${hash(`${ifname}:${containerId}`)}`;
}

/** The beginning of its comments on the rules of a network. */
export function goNetworkStart(network: string): string {
  return `${hash(network)}-`;
}

function hash(text: string): string {
  return sha512(text).slice(0, 16);
}
