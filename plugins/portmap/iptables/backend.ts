import type { AttachmentKey } from "../../../shared/cni/attachment-key.ts";
import type { UndoStack } from "../../../shared/cni/undo-stack.ts";
import type { IpAddress } from "../../../shared/ip/address.ts";
import {
  hasIptables,
  type Iptables,
  type PlannedRules,
  requireIptables,
  type TablePart,
} from "../../../shared/iptables/client.ts";
import { chainMayExist } from "../../../shared/iptables/presence.ts";
import type { Ruleset } from "../../../shared/iptables/ruleset.ts";
import type { Backend } from "../backend.ts";
import type { PortmapConfig } from "../config.ts";
import type { KnownHolders } from "../holders/holders.ts";
import { mappingsOf, type PortMapping, type PublishedPort } from "../mappings.ts";
import type { Publication } from "../publication.ts";
import { forgetLeftConnections } from "../stale-connections.ts";
import { goneChains, goneChainsAt, leadsOnlyTo, mayBeHeld, mayLeadTo } from "./holders.ts";
import { missingRule } from "./missing.ts";
import { containerChain, dnatChain } from "./names.ts";
import {
  noMarkChain,
  planChainRemoval,
  planPublishing,
  planSharedRemoval,
  planUnpublishing,
} from "./plan.ts";
import { removeContainer, removeStaleChains } from "./removal.ts";
import { chainsOfPublication, desiredRules, publishedPorts, sharedChainsOf } from "./rules.ts";

/** Publishes ports by rules in table nat of iptables. They are those of the Go plugin, line by line. */
export function iptablesBackend(iptables: Iptables): Backend {
  return {
    // Containers of the Go plugin look alike.
    tellsOurs: false,
    clearsInAdd: true,
    publishesIdle: hasIptables,
    startEarly(purpose, publication) {
      const { family } = publication;
      if (purpose === "add") iptables.startEarly(family, "changing");
      else iptables.startEarly(family, "reading", { table: "nat", chains: chainsOfPublication(publication) });
    },
    assertUsable(publications) {
      for (const { family } of publications) requireIptables(family);
    },
    clearAddress: (address, attachment, holders) => clearAddress(iptables, address, attachment, holders),
    clearPorts: (publications, holders) => {
      for (const publication of publications) clearPorts(iptables, publication, holders);
    },
    add(publications, holders, undo) {
      for (const publication of publications) publish(iptables, publication, holders, undo);
    },
    mayHave: ({ attachment: { network, containerId }, family }) =>
      hasIptables(family) && chainMayExist(family, "nat", containerChain(network, containerId)),
    check(publication) {
      const current = iptables.read(publication.family, "nat", chainsOfPublication(publication));
      return missingRule(current, desiredRules(publication));
    },
    del: (departure) => removeContainer(iptables, departure),
    gc: (network, valid) => removeStaleChains(iptables, network, valid),
    status(config) {
      requireIptables(4);
      assertMarkChain(iptables, config, iptables.read(4, "nat"));
    },
  };
}

/** A change that takes ports from containers that are gone. */
interface Takeover extends PlannedRules {
  readonly takenOver: readonly PublishedPort[];
}

function planTakeover(current: Ruleset, gone: readonly string[]): Takeover {
  return { transaction: planChainRemoval(current, gone), takenOver: publishedPorts(current, gone) };
}

function clearAddress(
  iptables: Iptables,
  address: IpAddress,
  attachment: AttachmentKey,
  holders: KnownHolders,
): void {
  const own = containerChain(attachment.network, attachment.containerId);
  if (!mayLeadTo(address, own)) return;
  const plan = (current: Ruleset) =>
    planTakeover(current, goneChainsAt(attachment, current, address, holders));
  const part: TablePart = { chains: [dnatChain], suffices: (current) => leadsOnlyTo(current, own) };
  const done = holders.decide(() => iptables.changeIfAvailable(address.family, "nat", plan, { part }));
  forgetLeftConnections(done?.takenOver ?? []);
}

/** Removes rules that would keep ports from our own tables: packets pass the rules of iptables first. */
function clearPorts(
  iptables: Iptables,
  { attachment, config, family }: Publication,
  holders: KnownHolders,
): void {
  if (!hasIptables(family) || !chainMayExist(family, "nat", dnatChain)) return;
  const mappings = mappingsOf(config.mappings, family);
  // Rules of the container's own earlier ADD are removed as well.
  const plan = (current: Ruleset) =>
    planTakeover(current, goneChains(attachment, current, mappings, holders));
  const part = unheld(mappings, [dnatChain]);
  const done = holders.decide(() => iptables.changeIfAvailable(family, "nat", plan, { part }));
  forgetLeftConnections(done?.takenOver ?? []);
}

function publish(iptables: Iptables, publication: Publication, holders: KnownHolders, undo: UndoStack): void {
  const { attachment, config, family, container } = publication;
  const desired = desiredRules(publication);
  // With conditions, the rules may be for other packets than those of a holder, which keeps its port.
  const mappings = config.conditions[family].length > 0 ? [] : mappingsOf(config.mappings, family);
  const plan = (current: Ruleset): Takeover => {
    const held = goneChains(attachment, current, mappings, holders);
    const inTheWay = [...held, ...goneChainsAt(attachment, current, container.address, holders)];
    const gone = [...new Set(inTheWay)].filter((chain) => chain !== desired.chain);
    return {
      transaction: planPublishing(current, desired, gone),
      takenOver: publishedPorts(current, gone),
    };
  };
  // If the container's chain exists already, the transaction fails, and the table is read.
  const isLed = mayLeadTo(container.address, desired.chain);
  const shared = unheld(mappings, sharedChainsOf(publication));
  const suffices = (current: Ruleset) =>
    shared.suffices(current) && (!isLed || leadsOnlyTo(current, desired.chain));
  const part = { ...shared, suffices };
  const done = holders.decide(() => iptables.change(family, "nat", plan, { part }));
  const { operations } = done.transaction;
  const takeBack = (planned: typeof planUnpublishing) =>
    iptables.change(family, "nat", (current) => ({
      transaction: planned(current, operations, desired.chain),
    }));
  undo.push(() => takeBack(planSharedRemoval));
  undo.push(() => takeBack(planUnpublishing));
  forgetLeftConnections(done.takenOver);
}

/** Returns the part of the table that is enough to look at when nobody holds one of the ports. */
function unheld(mappings: readonly PortMapping[], chains: readonly string[]): TablePart {
  return { chains, suffices: (current) => !mayBeHeld(current, mappings) };
}

/**
 * Asserts that the chain of `externalSetMarkChain` exists. ADD needs it in each family, STATUS is content with one.
 */
function assertMarkChain(iptables: Iptables, { masquerade }: PortmapConfig, four: Ruleset): void {
  if (masquerade.kind !== "chain" || four.has(masquerade.chain)) return;
  if (hasIptables(6) && iptables.read(6, "nat").has(masquerade.chain)) return;
  throw noMarkChain(masquerade.chain, "iptables and ip6tables");
}
