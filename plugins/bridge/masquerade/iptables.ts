import { lazy } from "../../../shared/basics/lazy.ts";
import type { AttachmentKey } from "../../../shared/cni/attachment-key.ts";
import type { Attachment } from "../../../shared/cni/attachments.ts";
import { runAll, type UndoStack } from "../../../shared/cni/undo-stack.ts";
import { forgetConnectionsOf } from "../../../shared/conntrack/client.ts";
import { formatIp, type IpAddress, type IpFamily, parseIp } from "../../../shared/ip/address.ts";
import type { IpPrefix } from "../../../shared/ip/prefix.ts";
import {
  hasIptables,
  type Iptables,
  type PlannedRules,
  type StartedChange,
} from "../../../shared/iptables/client.ts";
import { chainMayExist } from "../../../shared/iptables/presence.ts";
import { type Doomed, removeChains } from "../../../shared/iptables/removal.ts";
import { parseRuleset, type Ruleset } from "../../../shared/iptables/ruleset.ts";
import { notAvailable } from "../unavailable.ts";
import type { MasqueradeBackend } from "./backend.ts";
import {
  type ChainOwner,
  chainName,
  isEntered,
  planCollection,
  planMasquerade,
  planOwnerRemoval,
  postrouting,
  removedSources,
} from "./iptables-rules.ts";
import type { LeavingAddresses } from "./siblings.ts";

const families: readonly IpFamily[] = [4, 6];

const noRules = parseRuleset("");

/** Masquerading by chains of table nat, which iptables-rules.ts describes. */
export class IptablesMasquerade implements MasqueradeBackend {
  readonly #iptables: Iptables;

  constructor(iptables: Iptables) {
    this.#iptables = iptables;
  }

  status(): void {
    if (hasIptables(4) || hasIptables(6)) return;
    throw notAvailable('iptables is not installed, and "ipMasq" needs it', "install the package iptables");
  }

  prepareAdd(families: readonly IpFamily[]): void {
    for (const family of families) this.#iptables.startEarly(family, "changing");
  }

  add(key: AttachmentKey, addresses: readonly IpPrefix[], undo: UndoStack): void {
    for (const family of families) {
      const ofFamily = addresses.filter(({ address }) => address.family === family);
      if (ofFamily.length === 0) continue;
      const plan = (current: Ruleset) => ({ transaction: planMasquerade(current, key, ofFamily) });
      const guess = chainMayExist(family, "nat", chainName(key)) ? undefined : plan(noRules);
      this.#iptables.change(family, "nat", plan, { guess });
      undo.push(() => this.#removeEntries(key, family, ofFamily));
    }
  }

  #removeEntries(owner: ChainOwner, family: IpFamily, addresses: readonly IpPrefix[]): void {
    const added = addresses.map(({ address }) => formatIp(address));
    this.#iptables.change(family, "nat", (current) => ({
      transaction: planOwnerRemoval(current, owner, (source) => !added.includes(source)),
    }));
  }

  prepareCheck(key: AttachmentKey, families: readonly IpFamily[]): void {
    const chains = [postrouting, chainName(key)];
    for (const family of families) this.#iptables.startEarly(family, "reading", { table: "nat", chains });
  }

  isMasqueraded(key: AttachmentKey, address: IpAddress): boolean {
    const { family } = address;
    const chain = chainName(key);
    if (!chainMayExist(family, "nat", chain) || !hasIptables(family)) return false;
    return isEntered(this.#iptables.read(family, "nat", [postrouting, chain]), key, address);
  }

  /** Starts the program at once: the kernel needs its time for both the rules and the links. */
  startDel(key: AttachmentKey, leaving: LeavingAddresses): () => void {
    const plan = (current: Ruleset): PlannedRules => ({
      transaction: planOwnerRemoval(current, key, (source) => {
        const address = parseIp(source);
        return address !== undefined && leaving.isSiblings(address);
      }),
    });
    const removals = families.map((family): Removal => {
      const ofFamily = leaving.given.filter(({ address }) => address.family === family);
      const isWhole = ofFamily.length > 0 && !ofFamily.some(({ address }) => leaving.isSiblings(address));
      return {
        family,
        // Most calls of one family, and every second DEL, end here: a look costs a tenth of a program's start.
        isThere: lazy(() => chainMayExist(family, "nat", chainName(key))),
        guess: isWhole ? plan(rulesetWith(key, ofFamily)) : undefined,
      };
    });
    const first = removals.find(({ guess }) => guess !== undefined);
    const started = first && this.#startIfPossible(first);
    const finish = (removal: Removal): void => {
      if (!removal.isThere()) return;
      const isStarted = removal === first && started !== undefined;
      if (!isStarted) forgetSources(removal.guess);
      const shortcut = isStarted ? { started } : removal;
      const doomed: Doomed = { family: removal.family, table: "nat", chains: [chainName(key)] };
      // Translated connections would go on with the next owner of the address.
      forgetSources(removeChains(this.#iptables, doomed, forgettingFirst(plan), shortcut));
    };
    return () => runAll(removals.map((removal) => () => finish(removal)));
  }

  #startIfPossible({ family, isThere, guess }: Removal): StartedChange<PlannedRules> | undefined {
    try {
      if (guess === undefined || !isThere()) return undefined;
      forgetSources(guess);
      return this.#iptables.startChange(family, "nat", guess);
    } catch {
      // The removal without this head start meets the same failure, and reports it.
      return undefined;
    }
  }

  gc(network: string, valid: readonly Attachment[]): void {
    const live = new Set(valid.map(({ containerId }) => containerId));
    const isStale = (containerId: string): boolean => !live.has(containerId);
    const plan = (current: Ruleset) => ({ transaction: planCollection(current, network, isStale) });
    runAll(
      families.map((family) => () => {
        // Where nobody has used the table, reading it by iptables would create it.
        if (!chainMayExist(family, "nat", postrouting)) return;
        forgetSources(this.#iptables.changeIfAvailable(family, "nat", forgettingFirst(plan)));
      }),
    );
  }
}

/** The removal of an attachment's rules of one family. */
interface Removal {
  readonly family: IpFamily;
  readonly isThere: () => boolean;
  readonly guess: PlannedRules | undefined;
}

/**
 * A plan that forgets the connections which its rules masquerade, before these are removed: when only connections are
 * left nothing leads to them, so a call that is killed in between must leave the rules for the next one.
 */
function forgettingFirst(plan: (current: Ruleset) => PlannedRules): (current: Ruleset) => PlannedRules {
  return (current) => {
    const planned = plan(current);
    forgetSources(planned);
    return planned;
  };
}

function forgetSources(planned: PlannedRules | undefined): void {
  forgetConnectionsOf(removedSources(planned?.transaction.operations ?? []));
}

/** The rules that ADD makes for these addresses where there are none yet. */
function rulesetWith(owner: ChainOwner, addresses: readonly IpPrefix[]): Ruleset {
  return parseRuleset(planMasquerade(noRules, owner, addresses).toText("nat"));
}
