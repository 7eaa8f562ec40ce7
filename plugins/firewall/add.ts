import { ownerComment } from "../../shared/cni/owner-comment.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import type { Result } from "../../shared/cni/result.ts";
import { type UndoStack, withUndo } from "../../shared/cni/undo-stack.ts";
import { type IpAddress, sameIp } from "../../shared/ip/address.ts";
import { requireIptables } from "../../shared/iptables/client.ts";
import type { Ruleset } from "../../shared/iptables/ruleset.ts";
import { changeRules } from "../../shared/iptables/transitional.ts";
import type { Family } from "../../shared/iptables/which.ts";
import { addressesOf, families, isolationOf, ofFamily, ownerOf } from "./attachment.ts";
import { usesNftables } from "./backend.ts";
import { Bindings } from "./bindings.ts";
import type { FirewallConfig } from "./config.ts";
import { chooseFirewalld, type Firewalld, isTimeout } from "./firewalld.ts";
import { hasUnrecorded } from "./isolation-users.ts";
import { removeLeftovers } from "./leftovers.ts";
import { addWithNftables } from "./nftables/commands.ts";
import { isolatePorts } from "./nftables/isolate-ports.ts";
import { removeFromRuleset } from "./nftables/ruleset.ts";
import { bridgePolicyOf } from "./nftables/wanted.ts";
import { type Owner, sameOwner } from "./owner.ts";
import { planAdd, type Wanted } from "./plan.ts";
import { underRecordLock } from "./record-lock.ts";
import {
  type AddressRecord,
  listRecords,
  makeRecordDirectory,
  readRecord,
  recordDirectory,
  removeRecord,
  replaceRecord,
  writeRecord,
} from "./records.ts";
import { release } from "./release.ts";
import { planUndo, type StillNeeded } from "./undo.ts";

/** Lets the traffic of the attachment's addresses pass, and keeps its bridge apart as the policy says. */
export function add(request: Request, config: FirewallConfig): Result {
  const result = requirePrevResult(request, "firewall");
  if (usesNftables(config)) {
    const added = addWithNftables(request, config, result);
    withUndo((undo) => {
      undo.push(() => {
        removeFromRuleset(ownerOf(request));
      });
      releaseRecorded(config, added);
    });
    return result;
  }
  const isolation = isolationOf(config, result);
  const addresses = addressesOf(result);
  if (addresses.length === 0) return result;

  const used = families.filter((family) => ofFamily(addresses, family).length > 0);
  const firewalld = chooseFirewalld(config.backend);
  const bindings = new Bindings(config);
  try {
    if (firewalld === undefined || isolation !== undefined)
      for (const family of used) requireIptables(family);
    const directory = recordDirectory(config.dataDir);
    makeRecordDirectory(directory);
    const { adminChain, zone } = config;
    const common = {
      ...{ owner: ownerOf(request), netns: request.netns, adminChain },
      ...(firewalld && { zone }),
      ...(isolation && { isolation }),
    };
    underRecordLock(directory, () =>
      withUndo((undo) => {
        const before = addresses.flatMap((address) => record(directory, { address, ...common }, undo));
        for (const family of used) {
          const accept = { addresses: ofFamily(addresses, family), adminChain };
          const wanted: Wanted = {
            ...(firewalld === undefined && { accept }),
            ...(isolation && { isolation }),
          };
          makeRules(family, directory, common.owner, wanted, undo);
        }
        undo.push(() => {
          removeFromRuleset(common.owner);
        });
        isolatePorts(ownerComment(request), isolation && bridgePolicyOf(isolation, result));
        if (firewalld !== undefined) {
          for (const address of addresses) bind(firewalld, zone, address, before, undo);
        }
        removeLeftovers(directory, before, common, bindings);
      }),
    );
  } finally {
    bindings.close();
    firewalld?.close();
  }
  return result;
}

/** Removes what an earlier ADD with another backend has made for addresses that are this container's now. */
function releaseRecorded(config: FirewallConfig, addresses: readonly IpAddress[]): void {
  const directory = recordDirectory(config.dataDir);
  const recorded = addresses.filter((address) => readRecord(directory, address) !== undefined);
  if (recorded.length === 0) return;
  const bindings = new Bindings(config);
  try {
    release({ directory, addresses: recorded, goes: () => true, bindings });
  } finally {
    bindings.close();
  }
}

/**
 * The record comes before the rules: whoever finds the rules has to find their owner. Returns the record that was there
 * before.
 */
function record(directory: string, record: AddressRecord, undo: UndoStack): readonly AddressRecord[] {
  const before = readRecord(directory, record.address);
  undo.push(() => {
    if (before === undefined) removeRecord(directory, record.address, record.owner);
    else replaceRecord(directory, record.owner, before);
  });
  if (before === undefined) writeRecord(directory, record);
  else replaceRecord(directory, before.owner, record);
  return before === undefined ? [] : [before];
}

function makeRules(family: Family, directory: string, owner: Owner, wanted: Wanted, undo: UndoStack): void {
  if (wanted.accept === undefined && wanted.isolation === undefined) return;
  const done = changeRules(family, "filter", (current) => planAdd(current, wanted));
  undo.push(() => {
    changeRules(family, "filter", (current) =>
      planUndo(current, done, wanted, stillNeeded(current, directory, owner, wanted)),
    );
  });
}

/** For somebody who has not answered before: the request counts, he may work it off later. */
const shortMilliseconds = 2_000;

/** An address belongs to one zone: what an earlier ADD bound it to goes first. */
function bind(
  firewalld: Firewalld,
  zone: string,
  address: IpAddress,
  before: readonly AddressRecord[],
  undo: UndoStack,
): void {
  const other = before.find((record) => sameIp(record.address, address))?.zone;
  if (other !== undefined && other !== zone) {
    firewalld.removeSource(other, address);
    undo.push(() => firewalld.addSource(other, address));
  }
  try {
    if (firewalld.addSource(zone, address)) undo.push(() => firewalld.removeSource(zone, address));
  } catch (error) {
    // It may have been done all the same, or be done later.
    if (isTimeout(error)) undo.push(() => firewalld.removeSource(zone, address, shortMilliseconds));
    throw error;
  }
}

function stillNeeded(
  current: Ruleset,
  directory: string,
  owner: Owner,
  { accept, isolation }: Wanted,
): StillNeeded {
  const records = listRecords(directory);
  // The Go plugin's attachments have no records, and may need either.
  const own = accept?.addresses ?? [];
  if (hasUnrecorded(current, [...records.map(({ address }) => address), ...own])) {
    return { adminChain: true, isolation: true };
  }
  const others = records.filter((record) => !sameOwner(record.owner, owner));
  return {
    adminChain: others.some((other) => other.zone === undefined && other.adminChain === accept?.adminChain),
    isolation:
      isolation !== undefined &&
      others.some(
        (other) =>
          other.isolation?.bridge === isolation.bridge && other.isolation.policy === isolation.policy,
      ),
  };
}
