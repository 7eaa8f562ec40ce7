import type { AttachmentKey } from "./attachment-key.ts";
import { sha512 } from "./sha512.ts";

const maxAlias = 255; // linux/if.h, IFALIASZ less the zero byte
/** Longer names of networks are cut in an alias that has to be cut. */
const maxNetwork = 120;

/**
 * The alias of the host's end of an attachment, `cni:NETWORK:CONTAINER:IFNAME`: people see whose it is, DEL without a
 * namespace and GC find it, also when the link was renamed. Those that are too long end in a hash of the whole, and still
 * begin with their network.
 */
export function ownerAlias({ network, containerId, ifname }: AttachmentKey): string {
  const alias = `cni:${network}:${containerId}:${ifname}`;
  if (Buffer.byteLength(alias) <= maxAlias) return alias;
  return `${`${cutStart(network)}${containerId}:${ifname}`.slice(0, 180)}#${sha512(alias).slice(0, 64)}`;
}

/** The owner that an alias names; undefined when it is none of ours or was cut. */
export function ownerOfAlias(alias: string): AttachmentKey | undefined {
  // None of the three can hold a colon.
  const match = /^cni:([^:]+):([^:]+):([^:]+)$/.exec(alias);
  if (match === null) return undefined;
  const [, network = "", containerId = "", ifname = ""] = match;
  return { network, containerId, ifname };
}

/** What ends an alias that was cut. No interface has so long a name. */
const cutEnd = /#[0-9a-f]{64}$/;

/** True for the alias of an attachment, of any network. */
export function isLinkAlias(alias: string): boolean {
  return /^cni:[^:]+:[^:]+(:[^:]+)?$/.test(alias);
}

/** True for the alias of an attachment of this network. */
export function isAliasOfNetwork(network: string, alias: string): boolean {
  return isLinkAlias(alias) && alias.startsWith(cutEnd.test(alias) ? cutStart(network) : `cni:${network}:`);
}

/** True for the alias of an attachment of this container, in any network. One that was cut does not tell the whole ID. */
export function isAliasOfContainer(containerId: string, alias: string): boolean {
  if (!isLinkAlias(alias)) return false;
  const [, , id = ""] = alias.replace(cutEnd, "").split(":");
  return cutEnd.test(alias) ? containerId.startsWith(id) : containerId === id;
}

function cutStart(network: string): string {
  if (network.length <= maxNetwork) return `cni:${network}:`;
  return `cni:${network.slice(0, 80)}#${sha512(network).slice(0, 32)}:`;
}

/**
 * The group of a host's end from its creation until it gets its alias: the kernel takes no alias with a new link, but a
 * group. Hardly any other network has the same, and people give groups small numbers.
 */
export function groupOfNetwork(network: string): number {
  return (Number.parseInt(sha512(`cni:${network}`).slice(0, 8), 16) | 0x80000000) >>> 0;
}
