import { type AttachmentKey, sameAttachment } from "../../../shared/cni/attachment-key.ts";
import type { IpAddress } from "../../../shared/ip/address.ts";

/*
 * Decides which holders of ports are gone, so that their ports can be given to others. The rule is the same for both
 * backends, both families, and rules of the Go plugin. It is asked in two places: when a port is wanted that a holder
 * has, and when a holder's port leads to the address that a new container has been given.
 *
 * A holder is a container's attachment. It is gone only on evidence. An equal address is no evidence, since two networks
 * may have the same subnet and anybody may ask for an address. Silence is none either, since ARP can be switched off.
 *
 * A holder lives, whatever else is found, if one of these exists:
 *   - its host end: a link on this host whose alias names this attachment (bridge sets it);
 *   - its namespace, which the runtime's cached result of this attachment names.
 *
 * Otherwise it is gone if one of these is true:
 *   - the runtime's cached results of it name namespaces, and none of them exists any more;
 *   - host-local's lease file of its address, in its own network, names another attachment that lives: an address of a
 *     network belongs to one container;
 *   - its address is in no network namespace that could be its own. Looked at are those behind veth pairs of this host,
 *     of which the kernel knows all, and those of processes and mounts. A namespace is somebody else's if the address is
 *     on the other end of a link whose alias names another attachment, or if it is the new container's own.
 *
 * Without evidence for either, it keeps its ports.
 */

/** An attachment that has published a port, as far as the rules tell. */
export interface Holder {
  /** In words; undefined if the rules do not name it, so that nobody can find out whether it is gone. */
  readonly words: string | undefined;
  /** The address to which the port leads. */
  readonly address: IpAddress | undefined;
  /** Whether the rules name this network. */
  isOf(network: string): boolean;
  /** Whether the holder is this attachment, as far as the rules tell. */
  is(attachment: AttachmentKey): boolean;
}

/** An attachment in the runtime's cache, and the state of its network namespace. */
export interface NotedAttachment {
  readonly owner: AttachmentKey;
  /** "unknown": the path is another container's by now, or cannot be seen from here. */
  readonly namespace: "there" | "gone" | "unknown";
}

/** A network namespace that has an address, with its owner if that is known. */
export interface Place {
  readonly owner?: AttachmentKey;
}

/** What the host knows about attachments. */
export interface Evidence {
  /** The attachment that ADD is creating. */
  readonly newcomer: AttachmentKey;
  /** Returns the attachments that aliases of links on the host name. */
  hostEnds(): readonly AttachmentKey[];
  noted(): readonly NotedAttachment[];
  /** Returns the attachments that have leased an address, in all networks. */
  leases(address: IpAddress): readonly AttachmentKey[];
  /** Returns the namespaces that have an address; undefined if some cannot be seen. */
  places(address: IpAddress): readonly Place[] | undefined;
}

/** Whether the holder is known to be gone, by the rule above. */
export function isHolderGone(holder: Holder, evidence: Evidence): boolean {
  const { address } = holder;
  if (holder.words === undefined || address === undefined) return false;
  if (evidence.hostEnds().some((owner) => holder.is(owner))) return false;
  const noted = evidence.noted().filter(({ owner }) => holder.is(owner));
  if (noted.some(({ namespace }) => namespace === "there")) return false;
  if (noted.length > 0 && noted.every(({ namespace }) => namespace === "gone")) return true;
  if (hasLostLease(holder, address, evidence)) return true;
  const places = evidence.places(address);
  return places?.every(({ owner }) => owner !== undefined && !holder.is(owner)) ?? false;
}

function hasLostLease(holder: Holder, address: IpAddress, evidence: Evidence): boolean {
  const leases = evidence.leases(address).filter(({ network }) => holder.isOf(network));
  // Files of a network that has its leases elsewhere by now may be left.
  return leases.length > 0 && leases.every((owner) => !holder.is(owner) && isThere(owner, evidence));
}

function isThere(owner: AttachmentKey, evidence: Evidence): boolean {
  const isIt = (other: AttachmentKey) => sameAttachment(owner, other);
  return (
    isIt(evidence.newcomer) ||
    evidence.hostEnds().some(isIt) ||
    evidence.noted().some(({ owner: other, namespace }) => namespace === "there" && isIt(other))
  );
}
