import { runAll } from "../../shared/cni/undo-stack.ts";
import { formatIp, type IpAddress, sameIp } from "../../shared/ip/address.ts";
import { IptablesUnavailable } from "../../shared/iptables/client.ts";
import { legacyTableExists } from "../../shared/iptables/legacy-table.ts";
import { ruleNames } from "../../shared/iptables/presence.ts";
import { outOfReach } from "../../shared/iptables/removal.ts";
import type { Ruleset } from "../../shared/iptables/ruleset.ts";
import type { Operation } from "../../shared/iptables/transaction.ts";
import { changeRules } from "../../shared/iptables/transitional.ts";
import type { Family } from "../../shared/iptables/which.ts";
import { distinct, families, ofFamily } from "./attachment.ts";
import type { Bindings } from "./bindings.ts";
import { unusedBridges } from "./isolation-users.ts";
import type { Owner } from "./owner.ts";
import { planRemove } from "./plan.ts";
import { underRecordLock } from "./record-lock.ts";
import { type AddressRecord, eachRecord, isAlive, readRecord, removeRecord } from "./records.ts";
import { forwardChain } from "./rules.ts";

/** What is to be released, and how. */
interface Release {
  readonly directory: string;
  readonly addresses: readonly IpAddress[];
  readonly goes: (owner: Owner) => boolean;
  /** Unbinds from firewalld's zones what records say, and what has no record. */
  readonly bindings: Bindings;
}

/**
 * Removes the rules of these addresses, in one change for each family, and their bindings to a zone of firewalld, then
 * their records. An address of which the record names a living container that stays is left alone.
 *
 * @throws CniError the first failure, after everything was tried.
 */
export function release(what: Release): void {
  underRecordLock(what.directory, () => {
    runAll(families.map((family) => () => releaseFamily(family, what)));
  });
}

/** An address that is released, with its record if it has one. */
interface Released {
  readonly address: IpAddress;
  readonly record: AddressRecord | undefined;
}

function releaseFamily(family: Family, what: Release): void {
  const { directory, goes, bindings } = what;
  const addresses = distinct(ofFamily(what.addresses, family));
  const released = (): readonly Released[] =>
    addresses
      .map((address) => ({ address, record: readRecord(directory, address) }))
      .filter(({ record }) => record === undefined || goes(record.owner) || !isAlive(record));
  const first = released();
  if (first.length === 0) return;
  runAll([
    () => {
      if (first.some(mayHaveRules)) removeRules(family, what, released);
    },
    () => {
      for (const { address, record } of released()) bindings.release(address, record);
    },
  ]);
  for (const { address, record } of released()) removeRecord(directory, address, record?.owner);
}

/** What firewalld lets through has no rules of its own, unless its bridge has a policy. */
function mayHaveRules({ record }: Released): boolean {
  return record?.zone === undefined || record.isolation !== undefined;
}

function removeRules(
  family: Family,
  { directory, bindings }: Release,
  released: () => readonly Released[],
): void {
  const plan = (current: Ruleset) => {
    // Asked again here, where no other call of ours changes the rules: the address may have a new owner.
    const now = released();
    const addresses = now.map(({ address }) => address);
    const leaving = now.flatMap(({ record }) => record ?? []);
    const bridges = unusedBridges(
      family,
      current,
      leaving,
      () => others(directory, family, addresses),
      () => bindings.sourcesOf(leaving),
    );
    return planRemove(current, addresses, bridges);
  };
  try {
    const done = changeRules(family, "filter", plan);
    requireNone(family, released(), done);
  } catch (error) {
    if (!nothingCanExist(error, released())) throw error;
  }
}

/** A record tells of rules: where none were found, they must not be where this iptables does not see them. */
function requireNone(family: Family, released: readonly Released[], done: readonly Operation[]): void {
  if (done.length > 0 && !legacyTableExists(family, "filter")) return;
  for (const { address, record } of released) {
    if (record === undefined || ruleNames("filter", forwardChain, address) !== true) continue;
    throw outOfReach(family, `the rules of ${formatIp(address)} in chain ${forwardChain}`);
  }
}

function* others(
  directory: string,
  family: Family,
  addresses: readonly IpAddress[],
): Generator<AddressRecord> {
  for (const record of eachRecord(directory)) {
    const leaves = addresses.some((address) => sameIp(address, record.address));
    if (record.address.family === family && !leaves) yield record;
  }
}

/** Where iptables cannot work there are none; where it could once, a record or the kernel tells. */
function nothingCanExist(error: unknown, released: readonly Released[]): boolean {
  if (!(error instanceof IptablesUnavailable)) return false;
  return released.every(({ address, record }) => {
    const isThere = ruleNames("filter", forwardChain, address);
    return record === undefined || error.kind !== "missing" ? isThere !== true : isThere === false;
  });
}
