/**
 * What identifies an attachment, one interface of a container in one network, among all of a host. Whatever is created
 * for an attachment is marked with its key, so that DEL and GC find it without a result of ADD.
 */
export interface AttachmentKey {
  readonly network: string;
  readonly containerId: string;
  readonly ifname: string;
}
