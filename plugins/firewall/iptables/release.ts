import type { AttachmentKey } from "../../../shared/cni/attachment-key.ts";
import { runAll } from "../../../shared/cni/undo-stack.ts";
import { formatIp, type IpAddress, type IpFamily, sameIp } from "../../../shared/ip/address.ts";
import { type Iptables, IptablesUnavailable } from "../../../shared/iptables/client.ts";
import { legacyTableExists } from "../../../shared/iptables/legacy-table.ts";
import { ruleNames } from "../../../shared/iptables/presence.ts";
import { outOfReach } from "../../../shared/iptables/removal.ts";
import type { Operation } from "../../../shared/iptables/transaction.ts";
import { distinct, families, ofFamily } from "../attachment.ts";
import type { Bindings } from "../firewalld/bindings.ts";
import { underRecordLock } from "../records/record-files.ts";
import {
  type AddressRecord,
  eachRecord,
  isAlive,
  readAddressRecord,
  removeAddressRecord,
} from "../records/records.ts";
import { bridgesWithoutUsers } from "./isolation-users.ts";
import { planRuleRemoval } from "./plan.ts";
import { forwardChain } from "./rules.ts";

/** Where addresses have something that can be removed. */
interface Places {
  readonly iptables: Iptables;
  readonly bindings: Bindings;
  /** The directory of the records. */
  readonly directory: string;
}

/**
 * Removes the rules of these addresses, in one change for each family, their bindings to firewalld's zones, and their
 * records. Skips an address whose record is that of a living container that stays.
 *
 * @param leaves true for owners whose addresses are removed.
 * @throws CniError the first failure, after everything was tried.
 */
export function releaseAddresses(
  places: Places,
  addresses: readonly IpAddress[],
  leaves: (owner: AttachmentKey) => boolean,
): void {
  underRecordLock(places.directory, () => {
    runAll(
      families.map((family) => () => {
        const candidates = distinct(ofFamily(addresses, family));
        releaseFamily(places, family, () => leavingAddresses(places.directory, candidates, leaves));
      }),
    );
  });
}

/** An address that is released, with its record if it has one. */
interface Leaving {
  readonly address: IpAddress;
  readonly record: AddressRecord | undefined;
}

function leavingAddresses(
  directory: string,
  candidates: readonly IpAddress[],
  leaves: (owner: AttachmentKey) => boolean,
): readonly Leaving[] {
  return candidates
    .map((address) => ({ address, record: readAddressRecord(directory, address) }))
    .filter(({ record }) => record === undefined || leaves(record.owner) || !isAlive(record));
}

/** @param leaving reads the records anew each time. */
function releaseFamily(places: Places, family: IpFamily, leaving: () => readonly Leaving[]): void {
  const { directory, bindings } = places;
  const first = leaving();
  if (first.length === 0) return;
  runAll([
    () => {
      if (first.some(mayHaveRules)) removeRules(places, family, leaving);
    },
    () => {
      for (const { address, record } of leaving()) bindings.unbind(address, record);
    },
  ]);
  for (const { address, record } of leaving()) removeAddressRecord(directory, address, record?.owner);
}

/** False for an address that firewalld lets through, unless its bridge has a policy. */
function mayHaveRules({ record }: Leaving): boolean {
  return record?.zone === undefined || record.isolation !== undefined;
}

function removeRules(
  { iptables, bindings, directory }: Places,
  family: IpFamily,
  leaving: () => readonly Leaving[],
): void {
  try {
    const done = iptables.change(family, "filter", (current) => {
      // Read again here, where no other call of ours changes rules: the address may have a new owner.
      const now = leaving();
      const addresses = now.map(({ address }) => address);
      const records = now.flatMap(({ record }) => record ?? []);
      const bridges = bridgesWithoutUsers(family, current, {
        leaving: records,
        staying: () => otherRecords(directory, family, addresses),
        sources: () => bindings.sourcesOf(records),
      });
      return { transaction: planRuleRemoval(current, addresses, bridges), leaving: now };
    });
    assertNoneLeft(family, done.leaving, done.transaction.operations);
  } catch (error) {
    if (!nothingCanExist(error, leaving())) throw error;
  }
}

/** Asserts that an address with a record has no rules in tables that this iptables does not see. */
function assertNoneLeft(family: IpFamily, leaving: readonly Leaving[], done: readonly Operation[]): void {
  if (done.length > 0 && !legacyTableExists(family, "filter")) return;
  for (const { address, record } of leaving) {
    if (record === undefined || ruleNames("filter", forwardChain, address) !== true) continue;
    throw outOfReach(family, `the rules of ${formatIp(address)} in chain ${forwardChain}`);
  }
}

/** The records of a family, without those of these addresses. */
function* otherRecords(
  directory: string,
  family: IpFamily,
  addresses: readonly IpAddress[] = [],
): Generator<AddressRecord> {
  for (const record of eachRecord(directory)) {
    const isExcepted = addresses.some((address) => sameIp(address, record.address));
    if (record.address.family === family && !isExcepted) yield record;
  }
}

/** True when iptables cannot work here, and no rules are left of a time when it could, by the kernel or a record. */
function nothingCanExist(error: unknown, leaving: readonly Leaving[]): boolean {
  if (!(error instanceof IptablesUnavailable)) return false;
  return leaving.every(({ address, record }) => {
    const exists = ruleNames("filter", forwardChain, address);
    return record === undefined || error.kind !== "missing" ? exists !== true : exists === false;
  });
}

/**
 * Removes what an earlier ADD made for addresses and the present one does not make, with its other backend, zone or
 * policy. It has to go now: its record has been replaced, so nothing knows of it afterwards.
 *
 * @param before the records that were replaced.
 * @param now the records that replaced them.
 */
export function removeLeftovers(
  { iptables, bindings, directory }: Places,
  before: readonly AddressRecord[],
  now: Pick<AddressRecord, "zone" | "isolation">,
): void {
  for (const record of before) {
    if (record.zone !== undefined && record.zone !== now.zone) bindings.unbind(record.address, record);
  }
  for (const family of families) {
    const replaced = before.filter(({ address }) => address.family === family);
    const unruled = now.zone === undefined ? [] : replaced.filter(({ zone }) => zone === undefined);
    const moved = replaced.filter((record) => isOtherBridge(record, now));
    if (unruled.length === 0 && moved.length === 0) continue;
    const addresses: readonly IpAddress[] = unruled.map(({ address }) => address);
    try {
      iptables.change(family, "filter", (current) => {
        const bridges = bridgesWithoutUsers(family, current, {
          leaving: moved,
          staying: () => otherRecords(directory, family),
          sources: () => bindings.sourcesOf(moved),
        });
        return { transaction: planRuleRemoval(current, addresses, bridges) };
      });
    } catch (error) {
      const hasRules = (address: IpAddress) => ruleNames("filter", forwardChain, address) === true;
      if (!(error instanceof IptablesUnavailable) || addresses.some(hasRules)) throw error;
    }
  }
}

function isOtherBridge(record: AddressRecord, now: Pick<AddressRecord, "isolation">): boolean {
  return record.isolation !== undefined && record.isolation.bridge !== now.isolation?.bridge;
}
