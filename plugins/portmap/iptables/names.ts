import { sha512 } from "../../../shared/cni/sha512.ts";

/** Chains shared by all containers, which ADD of the first one creates and nobody removes. */
export const dnatChain = "CNI-HOSTPORT-DNAT";
export const markChain = "CNI-HOSTPORT-SETMARK";
export const masqueradeChain = "CNI-HOSTPORT-MASQ";

/** The beginning of the names of containers' chains. */
export const containerChainPrefix = "CNI-DN-";

/** The longest comment: xt_comment holds 255 bytes and a zero byte (linux/netfilter/xt_comment.h). */
const maxComment = 255;

/** Returns the name of a container's chain, which depends on network and container only, so that DEL finds it. */
export function containerChain(network: string, containerId: string): string {
  return hashed(containerChainPrefix, network, containerId);
}

/** Returns the name of the second chain that versions of the Go plugin before 0.7.0 created for a container. */
export function legacyChain(network: string, containerId: string): string {
  return hashed("CNI-SN-", network, containerId);
}

function hashed(prefix: string, network: string, containerId: string): string {
  return `${prefix}${sha512(`${network}${containerId}`)}`.slice(0, 28);
}

/**
 * Returns the comment of the rules that lead to a container's chain, which is the Go plugin's. A long one is cut as the
 * kernel stores that of the Go plugin.
 */
export function goRuleComment(network: string, containerId: string): string {
  const full = `dnat name: "${network}" id: "${containerId}"`;
  return full.length > maxComment ? `${full.slice(0, maxComment - 2)}..` : full;
}

/** Returns the names in such a comment, without `containerId` where it was cut; undefined for another comment. */
export function parseGoRuleComment(comment: string): { network: string; containerId?: string } | undefined {
  const match = /^dnat name: "([^"]*)" id: "([^"]*)("?)/.exec(comment);
  if (match === null) return undefined;
  const [, network = "", containerId = "", end = ""] = match;
  return end === "" ? { network } : { network, containerId };
}
