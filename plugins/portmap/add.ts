import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { ownerComment } from "../../shared/cni/owner-comment.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { prevResult } from "../../shared/cni/prev-result.ts";
import type { Result } from "../../shared/cni/result.ts";
import { type UndoStack, withUndo } from "../../shared/cni/undo-stack.ts";
import {
  hasIptables,
  IptablesUnavailable,
  requireIptables,
  type TablePart,
} from "../../shared/iptables/client.ts";
import { chainMayExist } from "../../shared/iptables/presence.ts";
import type { Ruleset } from "../../shared/iptables/ruleset.ts";
import type { Transaction } from "../../shared/iptables/transaction.ts";
import { changeRules, changeRulesIfAvailable } from "../../shared/iptables/transitional.ts";
import { hasNftables, openNftables } from "../../shared/nftables/client.ts";
import { containerAddresses } from "./addresses.ts";
import type { PortmapConfig } from "./config.ts";
import { type PublishedFamily, publishedFamilies } from "./families.ts";
import { createHolders, type Holders, portTaken } from "./holders.ts";
import { mayLeadTo } from "./iptables-address.ts";
import { holdersOf, leadsOnlyTo, mayBeHeld } from "./iptables-holders.ts";
import { allowLocalhost, localhostFamily } from "./localhost-access.ts";
import { goneChainsAt, makeWayInIptables, makeWayInNftables } from "./make-way.ts";
import { mappingsOf, type PortMapping } from "./mappings.ts";
import { containerChain, dnatChain } from "./names.ts";
import { clearPorts, publish, unpublish } from "./nftables/publish.ts";
import { planAdd, planRemoval, planUndo, planUndoShared } from "./plan.ts";
import { type PublishedPort, publishedPorts } from "./published.ts";
import { desiredRules, sharedChainsOf } from "./rules.ts";
import { forgetEarlierConnections, forgetLeftConnections } from "./stale-connections.ts";

/** ADD: publishes the ports and passes the result of the plugins before on. Throws CniError; nothing is left then. */
export function add(request: Request, config: PortmapConfig): Result {
  const previous = prevResult(request);
  if (previous === undefined) {
    throw new CniError(
      ErrorCode.invalidConfig,
      "must be called as chained plugin",
      "portmap publishes ports of an address that a plugin before it has given: put it behind bridge in the list",
    );
  }
  try {
    addBy(request, config, previous);
  } catch (error) {
    // The programs are installed, but the kernel has nothing for them.
    const mayTurn = error instanceof IptablesUnavailable && isPlain(config) && hasNftables();
    if (!mayTurn) throw error;
    addBy(request, { ...config, backend: "nftables" }, previous);
  }
  return previous;
}

/** Whether either backend can do what is asked for. */
function isPlain({ isBackendFree, masquerade, conditions }: PortmapConfig): boolean {
  return isBackendFree && masquerade.kind !== "chain" && [...conditions[4], ...conditions[6]].length === 0;
}

function addBy(request: Request, config: PortmapConfig, previous: Result): void {
  const holders = createHolders(request);
  const addresses = Object.values(containerAddresses(previous, request.ifname));
  const families = publishedFamilies(config, previous, request.ifname);
  for (const { address } of addresses) {
    makeWayInNftables(request, address, holders);
    const isPlanned =
      config.backend === "iptables" && families.some(({ family }) => family === address.family);
    if (!isPlanned) makeWayInIptables(request, address, holders);
  }
  if (families.length === 0) return;
  withUndo((undo) => {
    if (config.backend === "nftables") publishByNftables(request, config, families, holders, undo);
    else publishByIptables(request, config, families, holders, undo);
    for (const { family, address } of families) {
      forgetEarlierConnections(mappingsOf(config.mappings, family), address.address);
    }
    const four = localhostFamily(config, families);
    if (four !== undefined) allowLocalhost(request, four.address.address, previous, undo);
  });
}

function publishByNftables(
  request: Request,
  config: PortmapConfig,
  families: readonly PublishedFamily[],
  holders: Holders,
  undo: UndoStack,
): void {
  clearPortsInIptables(request, config, families, holders);
  const containers = families.map(({ address }) => address);
  const nftables = openNftables();
  const done = holders.decide(() => publish(nftables, config, containers, ownerComment(request), holders));
  undo.push(() => unpublish(nftables, done));
  forgetTakenOver(done.takenOver);
}

/** The rules of iptables come before those of our own tables: a port that they publish would never get there. */
function clearPortsInIptables(
  request: Request,
  config: PortmapConfig,
  families: readonly PublishedFamily[],
  holders: Holders,
): void {
  for (const { family } of families) {
    if (!hasIptables(family) || !chainMayExist(family, "nat", dnatChain)) continue;
    const mappings = mappingsOf(config.mappings, family);
    let takenOver: PublishedPort[] = [];
    const plan = (current: Ruleset): Transaction => {
      // Also what this container itself has got in the past makes way.
      const gone = goneChains(request, current, mappings, holders);
      takenOver = publishedPorts(current, gone);
      return planRemoval(current, gone);
    };
    const part = unheld(mappings, [dnatChain]);
    holders.decide(() => changeRulesIfAvailable(family, "nat", plan, { part }));
    forgetTakenOver(takenOver);
  }
}

function publishByIptables(
  request: Request,
  config: PortmapConfig,
  families: readonly PublishedFamily[],
  holders: Holders,
  undo: UndoStack,
): void {
  for (const { family } of families) requireIptables(family);
  const unconditional = families.filter(({ family }) => config.conditions[family].length === 0);
  const containers = unconditional.map(({ address }) => address);
  if (hasNftables()) {
    const nftables = openNftables();
    forgetTakenOver(
      holders.decide(() => clearPorts(nftables, config, containers, ownerComment(request), holders)),
    );
  }
  for (const { family, address } of families) {
    const desired = desiredRules(request, config, address);
    const mappings = config.conditions[family].length > 0 ? [] : mappingsOf(config.mappings, family);
    let takenOver: PublishedPort[] = [];
    const plan = (current: Ruleset): Transaction => {
      const held = goneChains(request, current, mappings, holders);
      const inTheWay = [...held, ...goneChainsAt(request, current, address.address, holders)];
      const gone = [...new Set(inTheWay)].filter((chain) => chain !== desired.chain);
      takenOver = publishedPorts(current, gone);
      return planAdd(current, desired, gone);
    };
    // A chain of this container's that exists already makes the transaction fail.
    const isLed = mayLeadTo(address.address, desired.chain);
    const shared = unheld(mappings, sharedChainsOf(desired));
    const suffices = (current: Ruleset) =>
      shared.suffices(current) && (!isLed || leadsOnlyTo(current, desired.chain));
    const part = { ...shared, suffices };
    const done = holders.decide(() => changeRules(family, "nat", plan, { part }));
    undo.push(() => changeRules(family, "nat", (current) => planUndoShared(current, done)));
    undo.push(() => changeRules(family, "nat", (current) => planUndo(current, done, desired.chain)));
    forgetTakenOver(takenOver);
  }
}

/** Chains, CNI-HOSTPORT-DNAT among them, that are enough to look at when nobody holds one of the ports. */
function unheld(mappings: readonly PortMapping[], chains: readonly string[]): TablePart {
  return { chains, suffices: (current) => !mayBeHeld(current, mappings) };
}

/**
 * The chains of containers that are gone, but hold one of the ports, and the container's own one if it holds one.
 * Those of its other networks are left alone: the rule that was there first gets the packets.
 *
 * @throws CniError code 103 when a holder is not known to be gone.
 */
function goneChains(
  { network, containerId }: Request,
  current: Ruleset,
  mappings: readonly PortMapping[],
  holders: Holders,
): string[] {
  const own = containerChain(network, containerId);
  const isSibling = (chain: string, name: string) =>
    containerChain(name, containerId) === chain && chain !== own;
  const held = holdersOf(current, mappings, isSibling);
  const others = held.filter(({ chain }) => chain !== own);
  const isGone = holders.verdicts(others.map(({ holder }) => holder));
  for (const { port, holder } of others) if (!isGone(holder)) throw portTaken(port, holder);
  return [...new Set(held.map(({ chain }) => chain))];
}

function forgetTakenOver(ports: readonly PublishedPort[]): void {
  for (const family of [4, 6] as const) {
    forgetLeftConnections(
      family,
      ports.filter(({ container }) => container.family === family),
    );
  }
}
