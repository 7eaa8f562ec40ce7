import { asCniError } from "../../shared/cni/errors/as-cni-error.ts";
import { ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { isLeasedToOther, leasedAddresses } from "../../shared/cni/leases.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { prevResultIfUsable } from "../../shared/cni/prev-result.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import { formatIp, type IpAddress } from "../../shared/ip/address.ts";
import { addressesOf, distinct, ownerOf } from "./attachment.ts";
import { markedAddresses } from "./attachment-marks.ts";
import { Bindings } from "./bindings.ts";
import type { FirewallConfig } from "./config.ts";
import { removeFromRuleset } from "./nftables/ruleset.ts";
import { type Owner, sameOwner } from "./owner.ts";
import { listRecords, readRecord, recordDirectory, removeUnfinishedOf } from "./records.ts";
import { release } from "./release.ts";

/**
 * Removes what lets the traffic of the attachment's addresses pass; the isolation of its bridge goes with the last
 * attachment that asked for it.
 */
export function del(request: Request, config: FirewallConfig): void {
  const owner = ownerOf(request);
  let wasInRuleset = false;
  runAll([
    () => {
      wasInRuleset = removeFromRuleset(owner);
    },
    () => releaseRules(request, config, owner, () => wasInRuleset),
  ]);
}

/** What ADD makes with iptables and firewalld, and what the Go plugin has made. */
function releaseRules(
  request: Request,
  config: FirewallConfig,
  owner: Owner,
  wasInRuleset: () => boolean,
): void {
  const isOwner = (other: Owner): boolean => sameOwner(other, owner);
  const directory = recordDirectory(config.dataDir);
  removeUnfinishedOf(directory, owner);
  const result = prevResultIfUsable(request);
  const promised = result === undefined ? [] : addressesOf(result);
  const marked = markedAddresses(directory, owner, (address) => readRecord(directory, address)?.owner);
  const recorded = recordedAddresses(directory, distinct([...promised, ...marked]), isOwner);
  if (recorded.length === 0 && wasInRuleset()) return;
  const addresses =
    result === undefined && recorded.length === 0
      ? leasedAddresses(owner)
      : [...stillOwn(owner, promised, recorded), ...recorded];
  const bindings = new Bindings(config);
  try {
    release({ directory, addresses, goes: isOwner, bindings });
  } catch (error) {
    // On a host of nftables only, iptables need not work; what is looked for here would be the Go plugin's.
    if (config.backend !== "nftables" || recorded.length > 0 || !isOfPrograms(error)) throw error;
  } finally {
    bindings.close();
  }
}

/** Not that they could not be started this time. */
function isOfPrograms(error: unknown): boolean {
  const codes: readonly number[] = [ErrorCode.programMissing, ErrorCode.programFailed];
  const known = asCniError(error);
  return known !== undefined && codes.includes(known.code);
}

/** The attachment's records: those of the addresses it is said to have had, else all are searched. */
function recordedAddresses(
  directory: string,
  said: readonly IpAddress[],
  isOwner: (owner: Owner) => boolean,
): readonly IpAddress[] {
  const isOwn = (address: IpAddress): boolean => {
    const record = readRecord(directory, address);
    return record !== undefined && isOwner(record.owner);
  };
  const found = said.filter(isOwn);
  if (found.length > 0) return found;
  return listRecords(directory)
    .filter((record) => isOwner(record.owner))
    .map((record) => record.address);
}

/**
 * Those of the addresses that are no other attachment's by now. The Go plugin makes no records: that it has attached
 * somebody else with an address since, a lease tells.
 */
function stillOwn(
  owner: Owner,
  addresses: readonly IpAddress[],
  recorded: readonly IpAddress[],
): readonly IpAddress[] {
  const own = new Set(recorded.map(formatIp));
  return addresses.filter((address) => own.has(formatIp(address)) || !isLeasedToOther(owner, address));
}
