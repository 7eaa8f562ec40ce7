import type { Attachment } from "../../shared/cni/attachments.ts";
import { runAll, type UndoStack } from "../../shared/cni/undo-stack.ts";
import type { IpAddress } from "../../shared/ip/address.ts";
import type { IpPrefix } from "../../shared/ip/prefix.ts";
import { hasIptables } from "../../shared/iptables/client.ts";
import { startEarly } from "../../shared/iptables/transitional.ts";
import { hasNftables } from "../../shared/nftables/client.ts";
import type { MasqueradeBackend } from "./config.ts";
import { addRules, collectRules, hasEntryRule, startRemovingRules } from "./masquerade-iptables.ts";
import { addElementsOf, collectElements, hasElement, removeElementsOf } from "./masquerade-nftables.ts";
import type { Owner } from "./owner.ts";

/** The backend for a config that names none: iptables, unless only nftables can be used here. */
export function chooseBackend(configured: MasqueradeBackend | undefined): MasqueradeBackend {
  if (configured !== undefined) return configured;
  return !hasIptables(4) && hasNftables() ? "nftables" : "iptables";
}

/** Starts the program that `addMasquerade` will need for these addresses, if it is to need one. */
export function prepareMasquerade(
  configured: MasqueradeBackend | undefined,
  addresses: readonly IpPrefix[],
): void {
  if (chooseBackend(configured) !== "iptables") return;
  for (const { address } of addresses) startEarly(address.family, "changing");
}

/** Masquerades what these addresses send beyond their own networks. Throws CniError. */
export function addMasquerade(
  configured: MasqueradeBackend | undefined,
  owner: Owner,
  addresses: readonly IpPrefix[],
  undo: UndoStack,
): void {
  if (chooseBackend(configured) === "iptables") addRules(owner, addresses, undo);
  else addElementsOf(owner, addresses, undo);
}

/**
 * Starts to remove what masquerades an attachment, by whichever backend and plugin it was made. Returns what waits for
 * it and does the rest, and throws what stood against it: CniError, the first cause, after everything was tried.
 *
 * @param promised addresses that it was given, as far as they are known.
 * @param stays tells addresses of the container's other attachments to this network.
 */
export function startRemovingMasquerade(
  owner: Owner,
  promised: readonly IpPrefix[],
  stays: (address: IpAddress) => boolean,
): () => void {
  const finishRules = startRemovingRules(owner, promised, stays);
  return () => runAll([finishRules, () => removeElementsOf(owner)]);
}

/**
 * Those of an attachment's addresses that nothing masquerades: neither backend, made by neither plugin. A flush of the
 * ruleset leaves such. Throws CniError.
 */
export function notMasqueraded(owner: Owner, addresses: readonly IpPrefix[]): IpPrefix[] {
  const withoutElement = addresses.filter(({ address }) => !hasElement(owner, address));
  return withoutElement.filter(({ address }) => !hasEntryRule(owner, address));
}

/** Removes what masquerades attachments of a network that are not listed. Throws CniError. */
export function collectMasquerade(network: string, valid: readonly Attachment[]): void {
  const live = new Set(valid.map(({ containerId }) => containerId));
  runAll([
    () => collectRules(network, (containerId) => !live.has(containerId)),
    () => collectElements(network, valid),
  ]);
}
