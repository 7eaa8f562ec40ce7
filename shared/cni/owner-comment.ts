import type { AttachmentKey } from "./attachment-key.ts";
import { sha512 } from "./sha512.ts";

/** nf_tables comments hold 128 bytes. */
const maxLength = 128;
/** Leaves room for a container's ID of 64 digits and an interface's name. */
const maxNetwork = 46;

/**
 * The comment that tells whose a kernel object is: `NETWORK/CONTAINER/IFNAME`. None of the three can hold a slash.
 * Long ones are cut to a hash, so compare whole comments instead of parsing them.
 */
export function ownerComment({ network, containerId, ifname }: AttachmentKey): string {
  const comment = `${ownerCommentStart(network)}${containerId}/${ifname}`;
  if (Buffer.byteLength(comment) <= maxLength) return comment;
  return `${ownerCommentStart(network)}#${sha512(`${containerId}/${ifname}`).slice(0, 40)}`;
}

/** How the comments of all attachments of a network begin, and those of no other network. */
export function ownerCommentStart(network: string): string {
  return network.length <= maxNetwork ? `${network}/` : `#${sha512(network).slice(0, 40)}/`;
}
