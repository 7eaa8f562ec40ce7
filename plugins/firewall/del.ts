import type { AttachmentKey } from "../../shared/cni/attachment-key.ts";
import { sameAttachment } from "../../shared/cni/attachment-key.ts";
import { asCniError } from "../../shared/cni/errors/as-cni-error.ts";
import { ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { isLeasedToOther, leasedAddresses } from "../../shared/cni/leases.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { prevResultIfUsable } from "../../shared/cni/prev-result.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import { formatIp, type IpAddress } from "../../shared/ip/address.ts";
import { addressesOf, attachmentKey, distinct } from "./attachment.ts";
import { goZone, iptablesMayBeMissing } from "./backend.ts";
import type { Clients } from "./clients.ts";
import type { CleanUpConfig } from "./config.ts";
import { Bindings } from "./firewalld/bindings.ts";
import { releaseAddresses } from "./iptables/release.ts";
import { removeFromRuleset } from "./nftables/ruleset.ts";
import { indexedAddresses } from "./records/attachment-index.ts";
import { listRecords, readAddressRecord, recordDirectory, removeUnfinishedOf } from "./records/records.ts";

/**
 * Removes what lets the traffic of the attachment's addresses pass, by whatever backend. The isolation of its bridge is
 * removed with the last attachment that asked for it. Throws CniError.
 */
export function del(request: Request, config: CleanUpConfig, clients: Clients): void {
  const removal = outcomeOf(() => removeFromRuleset(attachmentKey(request)));
  runAll([
    () => {
      if ("failure" in removal) throw removal.failure;
    },
    () => releaseAttachment(request, config, clients, "value" in removal && removal.value),
  ]);
}

function outcomeOf<T>(work: () => T): { readonly value: T } | { readonly failure: unknown } {
  try {
    return { value: work() };
  } catch (failure) {
    return { failure };
  }
}

/**
 * Removes what ADD makes with iptables and firewalld, and what the Go plugin has made.
 *
 * @param wasInTables true when the attachment was in our nf_tables tables: without records it has nothing else.
 */
function releaseAttachment(
  request: Request,
  config: CleanUpConfig,
  { iptables, firewalld }: Clients,
  wasInTables: boolean,
): void {
  const key = attachmentKey(request);
  const isOwner = (other: AttachmentKey): boolean => sameAttachment(other, key);
  const directory = recordDirectory(config.dataDir);
  removeUnfinishedOf(directory, key);
  const result = prevResultIfUsable(request);
  const inResult = result === undefined ? [] : addressesOf(result);
  const indexed = indexedAddresses(directory, key, (address) => readAddressRecord(directory, address)?.owner);
  const recorded = recordedAddresses(directory, distinct([...inResult, ...indexed]), isOwner);
  if (recorded.length === 0 && wasInTables) return;
  const addresses =
    result === undefined && recorded.length === 0
      ? leasedAddresses(key)
      : [...stillOwn(key, inResult, recorded), ...recorded];
  const bindings = new Bindings(firewalld, goZone(config));
  try {
    releaseAddresses({ iptables, bindings, directory }, addresses, isOwner);
  } catch (error) {
    // Without a record these would be rules of the Go plugin. On a host of nftables only, iptables need not work for them.
    if (!iptablesMayBeMissing(config) || recorded.length > 0 || !isOfPrograms(error)) throw error;
  }
}

/** True when a program is missing or failed; false when it could not be started this time. */
function isOfPrograms(error: unknown): boolean {
  const codes: readonly number[] = [ErrorCode.programMissing, ErrorCode.programFailed];
  const known = asCniError(error);
  return known !== undefined && codes.includes(known.code);
}

/** The addresses of the attachment's records: those among `likely`, or when there are none, those among all records. */
function recordedAddresses(
  directory: string,
  likely: readonly IpAddress[],
  isOwner: (owner: AttachmentKey) => boolean,
): readonly IpAddress[] {
  const isOwn = (address: IpAddress): boolean => {
    const record = readAddressRecord(directory, address);
    return record !== undefined && isOwner(record.owner);
  };
  const found = likely.filter(isOwn);
  if (found.length > 0) return found;
  return listRecords(directory)
    .filter((record) => isOwner(record.owner))
    .map((record) => record.address);
}

/**
 * The addresses that no other attachment has by now. One that the Go plugin has attached since has no record, but a
 * lease.
 */
function stillOwn(
  owner: AttachmentKey,
  addresses: readonly IpAddress[],
  recorded: readonly IpAddress[],
): readonly IpAddress[] {
  const own = new Set(recorded.map(formatIp));
  return addresses.filter((address) => own.has(formatIp(address)) || !isLeasedToOther(owner, address));
}
