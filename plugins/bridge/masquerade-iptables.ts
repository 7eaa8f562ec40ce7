import { lazy } from "../../shared/basics/lazy.ts";
import type { UndoStack } from "../../shared/cni/undo-stack.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import { forgetConnectionsOf } from "../../shared/conntrack/client.ts";
import { formatIp, type IpAddress, parseIp } from "../../shared/ip/address.ts";
import type { IpPrefix } from "../../shared/ip/prefix.ts";
import { type Family, hasIptables } from "../../shared/iptables/client.ts";
import { chainMayExist } from "../../shared/iptables/presence.ts";
import type { Doomed } from "../../shared/iptables/removal.ts";
import { parseRuleset, type Ruleset } from "../../shared/iptables/ruleset.ts";
import type { Transaction } from "../../shared/iptables/transaction.ts";
import {
  changeRules,
  changeRulesIfAvailable,
  readRules,
  removeChains,
  type Started,
  startChange,
} from "../../shared/iptables/transitional.ts";
import {
  type ChainOwner,
  chainName,
  isMasqueraded,
  planCollection,
  planMasquerade,
  planRemoval,
  postrouting,
  sourcesOf,
} from "./iptables-rules.ts";

const families: readonly Family[] = [4, 6];

const noRules = parseRuleset("");

/** Masquerades what these addresses send beyond their own networks. Throws CniError. */
export function addRules(owner: ChainOwner, addresses: readonly IpPrefix[], undo: UndoStack): void {
  for (const family of families) {
    const ofFamily = addresses.filter(({ address }) => address.family === family);
    if (ofFamily.length === 0) continue;
    const plan = (current: Ruleset) => planMasquerade(current, owner, ofFamily);
    const guess = chainMayExist(family, "nat", chainName(owner)) ? undefined : plan(noRules);
    changeRules(family, "nat", plan, { guess });
    undo.push(() => {
      const added = ofFamily.map(({ address }) => formatIp(address));
      changeRules(family, "nat", (current) =>
        planRemoval(current, owner, (source) => !added.includes(source)),
      );
    });
  }
}

/** True when packets of the address enter the container's chain. Throws CniError when iptables fails. */
export function hasEntryRule(owner: ChainOwner, address: IpAddress): boolean {
  const { family } = address;
  const chain = chainName(owner);
  if (!chainMayExist(family, "nat", chain) || !hasIptables(family)) return false;
  return isMasqueraded(readRules(family, "nat", [postrouting, chain]), owner, address);
}

/**
 * Starts to remove the masquerade rules of a container on this network, those of the Go plugin included; the kernel takes
 * its time for both this and the links. Returns what waits for it and does the rest, and throws what stood against the
 * start as well: CniError, the first cause, after all families were tried.
 *
 * @param promised addresses that it was given, as far as they are known.
 * @param stays tells addresses of the container's other attachments to this network, which share the chain.
 */
export function startRemovingRules(
  owner: ChainOwner,
  promised: readonly IpPrefix[],
  stays: (address: IpAddress) => boolean,
): () => void {
  const plan = (current: Ruleset) =>
    planRemoval(current, owner, (source) => {
      const address = parseIp(source);
      return address !== undefined && stays(address);
    });
  const removals = families.map((family) => {
    const ofFamily = promised.filter(({ address }) => address.family === family);
    const isWhole = ofFamily.length > 0 && !ofFamily.some(({ address }) => stays(address));
    return {
      family,
      // Most calls of one family, and every second DEL, end here: a look costs a tenth of a program's start.
      isThere: lazy(() => chainMayExist(family, "nat", chainName(owner))),
      guess: isWhole ? plan(rulesetWith(owner, ofFamily)) : undefined,
    };
  });
  const first = removals.find(({ guess }) => guess !== undefined);
  const started = first && tryToStart(first);
  return () =>
    runAll(
      removals.map((removal) => () => {
        if (!removal.isThere()) return;
        const isStarted = removal === first && started !== undefined;
        if (!isStarted) forgetSources(removal.guess);
        const shortcut = isStarted ? { started } : removal;
        // Translated connections would go on with the address's next owner.
        const doomed: Doomed = { family: removal.family, table: "nat", chains: [chainName(owner)] };
        forgetConnectionsOf(sourcesOf(removeChains(doomed, forgettingFirst(plan), shortcut)));
      }),
    );
}

interface Removal {
  readonly family: Family;
  isThere(): boolean;
  readonly guess: Transaction | undefined;
}

function tryToStart({ family, isThere, guess }: Removal): Started | undefined {
  try {
    if (guess === undefined || !isThere()) return undefined;
    forgetSources(guess);
    return startChange(family, "nat", guess);
  } catch {
    // It comes up again, without this head start.
    return undefined;
  }
}

/**
 * Forgets the connections that a plan's rules masquerade, before these are removed as well: when only connections are left
 * nothing tells of them, and a call that is killed in between must find the rules.
 */
function forgettingFirst(plan: (current: Ruleset) => Transaction): (current: Ruleset) => Transaction {
  return (current) => {
    const transaction = plan(current);
    forgetSources(transaction);
    return transaction;
  };
}

function forgetSources(transaction: Transaction | undefined): void {
  forgetConnectionsOf(sourcesOf(transaction?.operations ?? []));
}

/** What ADD makes for these addresses where there is nothing yet. */
function rulesetWith(owner: ChainOwner, addresses: readonly IpPrefix[]): Ruleset {
  return parseRuleset(planMasquerade(noRules, owner, addresses).toText("nat"));
}

/** Removes the masquerade rules of the network's containers that `isStale` names. Throws CniError. */
export function collectRules(network: string, isStale: (containerId: string) => boolean): void {
  runAll(
    families.map((family) => () => {
      // Where nobody has used the table, reading it by iptables would make it.
      if (!chainMayExist(family, "nat", postrouting)) return;
      const plan = (current: Ruleset) => planCollection(current, network, isStale);
      forgetConnectionsOf(sourcesOf(changeRulesIfAvailable(family, "nat", forgettingFirst(plan))));
    }),
  );
}
