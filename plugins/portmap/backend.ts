import type { AttachmentKey } from "../../shared/cni/attachment-key.ts";
import type { Attachment } from "../../shared/cni/attachments.ts";
import type { UndoStack } from "../../shared/cni/undo-stack.ts";
import type { IpAddress, IpFamily } from "../../shared/ip/address.ts";
import type { PortmapConfig } from "./config.ts";
import type { KnownHolders } from "./holders/holders.ts";
import type { Publication } from "./publication.ts";

/** An attachment that is deleted. */
export interface Departure {
  readonly attachment: AttachmentKey;
  /** The container's addresses, as far as they are known. */
  readonly addresses: readonly IpAddress[];
  /** Returns what an ADD of this configuration would have published; nothing where that is not known. */
  promised(): readonly Publication[];
}

/** A publication whose container's address nobody has looked for yet. */
type LikelyPublication = Omit<Publication, "container">;

/**
 * A way in which packets are forwarded: rules of the host's iptables, or tables of our own in the kernel's nf_tables.
 * Methods throw CniError or SystemError.
 */
export interface Backend {
  /** Whether its rules tell our containers from those of the Go plugin. */
  readonly tellsOurs: boolean;
  /** Whether `add` also does what `clearAddress` does, for the addresses that it publishes. */
  readonly clearsInAdd: boolean;

  /** Whether it has rules for a family in which nothing is to be forwarded, as the Go plugin has them. */
  publishesIdle(family: IpFamily): boolean;
  /** Starts the program that `add` or `check` will need for a publication. A wrong guess only costs a process. */
  startEarly(purpose: "add" | "check", publication: LikelyPublication): void;
  /**
   * Asserts that `add` can be tried.
   *
   * @throws IptablesUnavailable
   */
  assertUsable(publications: readonly Publication[]): void;
  /** Removes what leads to an address from containers that are gone, for an attachment that has it now. */
  clearAddress(address: IpAddress, attachment: AttachmentKey, holders: KnownHolders): void;
  /**
   * Removes what keeps ports from being published by the other backend: rules of containers that are gone, and those
   * of the attachment itself from an earlier ADD.
   *
   * @throws CniError code 103 when a port is another container's.
   */
  clearPorts(publications: readonly Publication[], holders: KnownHolders): void;
  /**
   * Publishes ports. What containers that are gone have of them makes way.
   *
   * @throws CniError code 103 when a port is another container's.
   */
  add(publications: readonly Publication[], holders: KnownHolders, undo: UndoStack): void;
  /** Whether `check` is worth trying for what another backend would publish. */
  mayHave(publication: Publication): boolean;
  /** Returns the first thing that is missing, in words; undefined when all is there. */
  check(publication: Publication): string | undefined;
  /** Removes the attachment's ports of both families. Returns whether there were any. */
  del(departure: Departure): boolean;
  /** Removes the ports of a network's attachments that are not listed. */
  gc(network: string, valid: readonly Attachment[]): void;
  /** Tries whether `add` would work. */
  status(config: PortmapConfig): void;
}
