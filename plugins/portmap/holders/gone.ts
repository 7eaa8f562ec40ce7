import { type AttachmentKey, sameAttachment } from "../../../shared/cni/attachment-key.ts";
import type { IpAddress } from "../../../shared/ip/address.ts";

/*
 * Who is gone, so that what it has published makes way. It is the same for both backends, both families, and whatever
 * plugin made the rules, and it is asked in two places: when a port is wanted that a holder has, and when a holder's
 * port leads to the address that a new container has been given.
 *
 * A holder is a container's attachment. It is gone on evidence only. Neither an equal address (two networks may have
 * the same subnet, and anybody may ask for an address) nor silence (ARP can be switched off) is any.
 *
 * It lives when one of these is there, and nothing else is looked at then:
 *   - its host end: a link on this host whose alias says that it is this attachment's (bridge sets it);
 *   - its namespace, which the runtime's cached result of this attachment names.
 *
 * Otherwise it is gone when one of these is the case:
 *   - the runtime's cached results of it name namespaces, and none of them is there any more;
 *   - host-local's lease file of its address, in its own network, names another attachment, which is there: an address
 *     of a network belongs to one container;
 *   - its address is in no network namespace that could be its own: those that veth pairs lead to from here (the
 *     kernel tells them all) and those that processes and mounts show. A namespace is somebody else's where the address
 *     is on the other end of a link whose alias names another attachment, or where it is the new container's own.
 *
 * Where nothing is known either way it keeps its ports.
 */

/** Somebody who has published a port, as far as the rules tell. */
export interface Holder {
  /** In words; undefined when the rules do not tell who it is: nobody can say then that it is gone. */
  readonly words: string | undefined;
  /** Where the port leads. */
  readonly address: IpAddress | undefined;
  /** Whether the rules say that it is of this network. */
  isOf(network: string): boolean;
  /** Whether it is this attachment, as far as the rules tell. */
  is(attachment: AttachmentKey): boolean;
}

/** An attachment that the runtime has noted, and what is at the path of its namespace. */
export interface NotedAttachment {
  readonly owner: AttachmentKey;
  /** "unknown": another container's, or it cannot be seen from here. */
  readonly namespace: "there" | "gone" | "unknown";
}

/** A network namespace that has an address, and whose that is, if it is known. */
export interface Place {
  readonly owner?: AttachmentKey;
}

/** What the host knows. */
export interface Evidence {
  /** The attachment that is being made. */
  readonly newcomer: AttachmentKey;
  /** Whose the links on the host are that say it. */
  hostEnds(): readonly AttachmentKey[];
  noted(): readonly NotedAttachment[];
  /** Who has leased the address, in all networks. */
  leases(address: IpAddress): readonly AttachmentKey[];
  /** Undefined when not all can be seen. */
  places(address: IpAddress): readonly Place[] | undefined;
}

/** Whether the holder is known to be gone, by the rule above. */
export function isGone(holder: Holder, evidence: Evidence): boolean {
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
  // Files may be left of another time, when the network had them there.
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
