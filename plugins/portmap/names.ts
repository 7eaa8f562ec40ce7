import { sha512 } from "../../shared/cni/sha512.ts";

/** Shared by all containers; made with the first one and never removed. */
export const dnatChain = "CNI-HOSTPORT-DNAT";
export const markChain = "CNI-HOSTPORT-SETMARK";
export const masqueradeChain = "CNI-HOSTPORT-MASQ";

/** How the names of containers' chains begin. */
export const containerChainPrefix = "CNI-DN-";

/** xt_comment holds 255 bytes and a zero byte (linux/netfilter/xt_comment.h). */
const maxComment = 255;

/** The container's chain: it depends on nothing but network and container, so that DEL finds it. */
export function containerChain(network: string, containerId: string): string {
  return hashed(containerChainPrefix, network, containerId);
}

/** The chain that plugin versions before 0.7.0 made beside it. */
export function legacyChain(network: string, containerId: string): string {
  return hashed("CNI-SN-", network, containerId);
}

function hashed(prefix: string, network: string, containerId: string): string {
  return `${prefix}${sha512(`${network}${containerId}`)}`.slice(0, 28);
}

/** What the rules that lead to a container's chain carry. A long one is cut as the kernel stores the Go plugin's. */
export function ownerComment(network: string, containerId: string): string {
  const full = `dnat name: "${network}" id: "${containerId}"`;
  return full.length > maxComment ? `${full.slice(0, maxComment - 2)}..` : full;
}

/** Whose a comment says a rule is. `containerId` is absent when the comment was cut. */
export function ownerOf(comment: string): { network: string; containerId?: string } | undefined {
  const match = /^dnat name: "([^"]*)" id: "([^"]*)("?)/.exec(comment);
  if (match === null) return undefined;
  const [, network = "", containerId = "", end = ""] = match;
  return end === "" ? { network } : { network, containerId };
}
