import type { AttachmentKey } from "../../../shared/cni/attachment-key.ts";
import { sha512 } from "../../../shared/cni/sha512.ts";
import { bitLength, formatIp, type IpAddress, type IpFamily, parseIp } from "../../../shared/ip/address.ts";
import { formatPrefix, type IpPrefix, networkOf } from "../../../shared/ip/prefix.ts";
import { commentOf, type Rule, sameRule, targetOf } from "../../../shared/iptables/rule.ts";
import { hasRule, type Ruleset } from "../../../shared/iptables/ruleset.ts";
import { type Operation, Transaction } from "../../../shared/iptables/transaction.ts";

/*
 * Masquerading in table nat, with the names and rules of the Go plugin so that both understand each other's: one
 * chain for each container and network, entered from POSTROUTING by source address. All of this is pure.
 */

export const postrouting = "POSTROUTING";

/** The owner of a chain. The attachments of a container to one network share it, whatever their interfaces. */
export type ChainOwner = Omit<AttachmentKey, "ifname">;

/** The name of an owner's chain, of 28 characters: iptables allows no more. */
export function chainName({ network, containerId }: ChainOwner): string {
  return `CNI-${sha512(`${network}${containerId}`).slice(0, 24)}`;
}

function comment({ network, containerId }: ChainOwner): string {
  return `name: "${network}" id: "${containerId}"`;
}

/** The owner that a rule's comment names, ours or the Go plugin's; undefined when it names none. */
function parseComment(text: string): ChainOwner | undefined {
  const match = /^name: "([^"]+)" id: "([^"]+)"$/.exec(text);
  if (match === null) return undefined;
  const [, network = "", containerId = ""] = match;
  return { network, containerId };
}

function commentMatch(owner: ChainOwner): Rule {
  return ["-m", "comment", "--comment", comment(owner)];
}

/**
 * The rules for packets that stay in the network and keep their source: with br_netfilter the chain also sees those
 * from one port of the bridge to another. The Go plugin lacks the rule for broadcasts, so that its come from the
 * gateway.
 */
function stayingRules(owner: ChainOwner, addresses: readonly IpPrefix[]): Rule[] {
  const networks = addresses.map((address) => formatPrefix(networkOf(address)));
  const broadcast = addresses[0]?.address.family === 4 ? ["255.255.255.255/32"] : [];
  return [...new Set([...networks, ...broadcast])].map((to) => [
    "-d",
    to,
    ...commentMatch(owner),
    "-j",
    "ACCEPT",
  ]);
}

function masqueradeRule(owner: ChainOwner, family: IpFamily): Rule {
  return ["!", "-d", family === 4 ? "224.0.0.0/4" : "ff00::/8", ...commentMatch(owner), "-j", "MASQUERADE"];
}

function entryRule(owner: ChainOwner, address: IpAddress): Rule {
  const source = `${formatIp(address)}/${bitLength(address.family)}`;
  return ["-s", source, ...commentMatch(owner), "-j", chainName(owner)];
}

/** The change that masquerades these addresses, all of one family. */
export function planMasquerade(
  current: Ruleset,
  owner: ChainOwner,
  addresses: readonly IpPrefix[],
): Transaction {
  const transaction = new Transaction();
  const chain = chainName(owner);
  if (!current.has(chain)) transaction.newChain(chain);
  const [first] = addresses;
  if (first === undefined) return transaction;
  const present = current.rules(chain);
  const end = present.findIndex((rule) => targetOf(rule) === "MASQUERADE");
  for (const rule of stayingRules(owner, addresses)) {
    if (present.slice(0, end === -1 ? undefined : end).some((other) => sameRule(other, rule))) continue;
    // Behind the masquerading rule it would never match.
    if (end === -1) transaction.append(chain, rule);
    else transaction.insertFirst(chain, rule);
  }
  if (end === -1) transaction.append(chain, masqueradeRule(owner, first.address.family));
  for (const { address } of addresses) {
    const entry = entryRule(owner, address);
    if (!hasRule(current, postrouting, entry)) transaction.append(postrouting, entry);
  }
  return transaction;
}

/** True when packets of the address enter the owner's chain, and the chain masquerades them. */
export function isEntered(current: Ruleset, owner: ChainOwner, address: IpAddress): boolean {
  const chain = chainName(owner);
  const enters = current
    .rulesWith(postrouting, [chain])
    .some((rule) => targetOf(rule) === chain && sourceOf(rule) === formatIp(address));
  return enters && current.rules(chain).some((rule) => targetOf(rule) === "MASQUERADE");
}

/**
 * The change that removes an owner's entry rules, except of addresses that stay, and its chain once nothing enters it.
 */
export function planOwnerRemoval(
  current: Ruleset,
  owner: ChainOwner,
  stays: (address: string) => boolean,
): Transaction {
  const transaction = new Transaction();
  const chain = chainName(owner);
  const entries = current.rulesWith(postrouting, [chain]).filter((rule) => targetOf(rule) === chain);
  const leaving = entries.filter((rule) => !stays(sourceOf(rule)));
  for (const rule of leaving) transaction.deleteRule(postrouting, rule);
  if (leaving.length === entries.length) removeChain(transaction, current, chain);
  return transaction;
}

/** The source addresses of the entry rules that a change removes. */
export function removedSources(done: readonly Operation[]): IpAddress[] {
  return done.flatMap((operation) => {
    if (operation.kind !== "deleteRule" || operation.chain !== postrouting) return [];
    const address = parseIp(sourceOf(operation.rule));
    return address === undefined ? [] : [address];
  });
}

/** The change that removes the rules and chains of a network's stale containers. */
export function planCollection(
  current: Ruleset,
  network: string,
  isStale: (containerId: string) => boolean,
): Transaction {
  const transaction = new Transaction();
  const stale = new Set<string>();
  for (const rule of current.rules(postrouting)) {
    const owner = parseComment(commentOf(rule) ?? "");
    if (owner?.network !== network || !isStale(owner.containerId)) continue;
    if (targetOf(rule) !== chainName(owner)) continue;
    transaction.deleteRule(postrouting, rule);
    stale.add(chainName(owner));
  }
  for (const chain of orphans(current, network, isStale)) stale.add(chain);
  for (const chain of stale) removeChain(transaction, current, chain);
  return transaction;
}

/** Stale chains that no entry rule leads to any more, known by the comments of their own rules. */
function orphans(current: Ruleset, network: string, isStale: (containerId: string) => boolean): string[] {
  return current.chains.filter((chain) => {
    if (!/^CNI-[0-9a-f]{24}$/.test(chain)) return false;
    const owner = parseComment(commentOf(current.rules(chain)[0] ?? []) ?? "");
    return owner?.network === network && chain === chainName(owner) && isStale(owner.containerId);
  });
}

function removeChain(transaction: Transaction, current: Ruleset, chain: string): void {
  if (!current.has(chain)) return;
  transaction.flushChain(chain);
  transaction.deleteChain(chain);
}

/** The source address of an entry rule, without its length: old Go releases wrote the network's. */
function sourceOf(rule: Rule): string {
  const index = rule.indexOf("-s");
  return index === -1 ? "" : (rule[index + 1]?.split("/")[0] ?? "");
}
