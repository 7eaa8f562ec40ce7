/**
 * What identifies an attachment, one interface of a container in one network, among all of a host. Whatever is created
 * for an attachment is marked with its key, so that DEL and GC find it without a result of ADD.
 */
export interface AttachmentKey {
  readonly network: string;
  readonly containerId: string;
  readonly ifname: string;
}

/** True when both keys are those of the same attachment. */
export function sameAttachment(a: AttachmentKey, b: AttachmentKey): boolean {
  return a.network === b.network && a.containerId === b.containerId && a.ifname === b.ifname;
}
