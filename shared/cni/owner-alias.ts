import { sha512 } from "../linux/sha512.ts";
import type { Attachment } from "./attachments.ts";

/** Whose a host-side link is: the attachment and its network. */
export interface Owner extends Attachment {
  readonly network: string;
}

const maxAlias = 255; // linux/if.h, IFALIASZ less the zero byte

/**
 * The alias of the host-side link, `cni:NETWORK:CONTAINER:IFNAME`: operators see whose it is, DEL without a
 * namespace and GC find it. Too long ones end in a hash of the whole.
 */
export function ownerAlias({ network, containerId, ifname }: Owner): string {
  const alias = `cni:${network}:${containerId}:${ifname}`;
  if (Buffer.byteLength(alias) <= maxAlias) return alias;
  return `${alias.slice(0, 180)}#${sha512(alias).slice(0, 64)}`;
}

/** The owner that an alias names; undefined when it is none of ours or was cut. */
export function ownerOfAlias(alias: string): Owner | undefined {
  // None of the three can hold a colon.
  const match = /^cni:([^:]+):([^:]+):([^:]+)$/.exec(alias);
  if (match === null) return undefined;
  const [, network = "", containerId = "", ifname = ""] = match;
  return { network, containerId, ifname };
}
