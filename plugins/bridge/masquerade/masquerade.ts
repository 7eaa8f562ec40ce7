import type { AttachmentKey } from "../../../shared/cni/attachment-key.ts";
import type { Attachment } from "../../../shared/cni/attachments.ts";
import { runAll } from "../../../shared/cni/undo-stack.ts";
import type { IpPrefix } from "../../../shared/ip/prefix.ts";
import { hasIptables, type Iptables } from "../../../shared/iptables/client.ts";
import { hasNftables } from "../../../shared/nftables/client.ts";
import type { MasqueradeBackendName } from "../config.ts";
import type { MasqueradeBackend } from "./backend.ts";
import { IptablesMasquerade } from "./iptables.ts";
import { nftablesMasquerade } from "./nftables.ts";
import type { LeavingAddresses } from "./siblings.ts";

/** The backend of a configuration. When it names none: iptables, unless only nftables can be used on this host. */
export function chooseMasquerade(
  configured: MasqueradeBackendName | undefined,
  iptables: Iptables,
): MasqueradeBackend {
  const name = configured ?? (!hasIptables(4) && hasNftables() ? "nftables" : "iptables");
  return { iptables: new IptablesMasquerade(iptables), nftables: nftablesMasquerade }[name];
}

/** The addresses of an attachment that no backend masquerades, as after a flush of the ruleset. Throws CniError. */
export function notMasqueraded(
  key: AttachmentKey,
  addresses: readonly IpPrefix[],
  iptables: Iptables,
): IpPrefix[] {
  const rules = new IptablesMasquerade(iptables);
  // First nftables, which needs no program.
  const withoutElement = addresses.filter(({ address }) => !nftablesMasquerade.isMasqueraded(key, address));
  return withoutElement.filter(({ address }) => !rules.isMasqueraded(key, address));
}

/**
 * Starts to remove what masquerades an attachment, whichever backend and plugin made it. Never throws.
 *
 * @returns a function that waits for the end, does the rest, and throws the first failure (CniError), after everything
 *   was tried.
 */
export function startRemovingMasquerade(
  key: AttachmentKey,
  leaving: LeavingAddresses,
  iptables: Iptables,
): () => void {
  const backends = [new IptablesMasquerade(iptables), nftablesMasquerade];
  const ends = backends.map((backend) => startOrFailLater(() => backend.startDel(key, leaving)));
  return () => runAll(ends);
}

function startOrFailLater(start: () => () => void): () => void {
  try {
    return start();
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

/** Removes what masquerades attachments of a network that are not listed. Throws CniError. */
export function collectMasquerade(network: string, valid: readonly Attachment[], iptables: Iptables): void {
  const backends = [new IptablesMasquerade(iptables), nftablesMasquerade];
  runAll(backends.map((backend) => () => backend.gc(network, valid)));
}
