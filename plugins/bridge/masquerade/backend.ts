import type { AttachmentKey } from "../../../shared/cni/attachment-key.ts";
import type { Attachment } from "../../../shared/cni/attachments.ts";
import type { UndoStack } from "../../../shared/cni/undo-stack.ts";
import type { IpAddress, IpFamily } from "../../../shared/ip/address.ts";
import type { IpPrefix } from "../../../shared/ip/prefix.ts";
import type { LeavingAddresses } from "./siblings.ts";

/**
 * A way to masquerade: to translate the source of packets that leave a container's network. ADD uses the one that the
 * configuration names. CHECK, DEL and GC look at all of them, since ADD may have had another configuration.
 */
export interface MasqueradeBackend {
  /** Makes sure that this host can do it. Throws CniError code 50. */
  status(): void;
  /** Starts the program that `add` will need for addresses of these families, if it needs one. */
  prepareAdd(families: readonly IpFamily[]): void;
  /** Masquerades what these addresses send beyond their own networks. Throws CniError. */
  add(key: AttachmentKey, addresses: readonly IpPrefix[], undo: UndoStack): void;
  /** Starts the program that `isMasqueraded` will need for addresses of these families, if it needs one. */
  prepareCheck(key: AttachmentKey, families: readonly IpFamily[]): void;
  /** True when an address is masqueraded this way, by our rules or the Go plugin's. Throws CniError. */
  isMasqueraded(key: AttachmentKey, address: IpAddress): boolean;
  /**
   * Starts to remove what masquerades an attachment, the Go plugin's rules included, and returns a function that waits
   * for it and removes the rest. Both throw CniError, the first cause, after everything was tried.
   */
  startDel(key: AttachmentKey, leaving: LeavingAddresses): () => void;
  /** Removes what masquerades attachments of a network that are not listed. Throws CniError. */
  gc(network: string, valid: readonly Attachment[]): void;
}
