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
import type { Holders } from "../holders/holders.ts";
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

/** Publishes ports by rules in table nat of iptables, which are those of the Go plugin line by line. */
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
  holders: Holders,
): void {
  const own = containerChain(attachment.network, attachment.containerId);
  if (!mayLeadTo(address, own)) return;
  const plan = (current: Ruleset) =>
    planTakeover(current, goneChainsAt(attachment, current, address, holders));
  const part: TablePart = { chains: [dnatChain], suffices: (current) => leadsOnlyTo(current, own) };
  const done = holders.decide(() => iptables.changeIfAvailable(address.family, "nat", plan, { part }));
  forgetLeftConnections(done?.takenOver ?? []);
}

/** The rules of iptables come before those of our own tables: a port that they publish would never get there. */
function clearPorts(iptables: Iptables, { attachment, config, family }: Publication, holders: Holders): void {
  if (!hasIptables(family) || !chainMayExist(family, "nat", dnatChain)) return;
  const mappings = mappingsOf(config.mappings, family);
  // What this container itself has got in the past makes way as well.
  const plan = (current: Ruleset) =>
    planTakeover(current, goneChains(attachment, current, mappings, holders));
  const part = unheld(mappings, [dnatChain]);
  const done = holders.decide(() => iptables.changeIfAvailable(family, "nat", plan, { part }));
  forgetLeftConnections(done?.takenOver ?? []);
}

function publish(iptables: Iptables, publication: Publication, holders: Holders, undo: UndoStack): void {
  const { attachment, config, family, container } = publication;
  const desired = desiredRules(publication);
  // Rules with conditions may be for other packets than somebody else's: nobody has to make way.
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
  // A chain of this container's that exists already makes the transaction fail.
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

/** Asserts that somebody else's chain is there, which each family needs: that one family has it will do here. */
function assertMarkChain(iptables: Iptables, { masquerade }: PortmapConfig, four: Ruleset): void {
  if (masquerade.kind !== "chain" || four.has(masquerade.chain)) return;
  if (hasIptables(6) && iptables.read(6, "nat").has(masquerade.chain)) return;
  throw noMarkChain(masquerade.chain, "iptables and ip6tables");
}
