import { runAll } from "../../shared/cni/undo-stack.ts";
import { ErrorCode } from "../../shared/errors/cni-error.ts";
import type { IpAddress } from "../../shared/ip/address.ts";
import { changeRules, IptablesUnavailable } from "../../shared/iptables/client.ts";
import type { Family } from "../../shared/iptables/program.ts";
import { distinct, families, ofFamily } from "./attachment.ts";
import { planRemove } from "./plan.ts";
import { isAlive, type Owner, readRecord, removeRecord } from "./records.ts";

/**
 * Removes the rules of these addresses, in one change for each family, and then their records. An address of which the
 * record names a living container that stays is left alone.
 *
 * @throws CniError the first failure, after everything was tried.
 */
export function release(
  directory: string,
  addresses: readonly IpAddress[],
  goes: (owner: Owner) => boolean,
): void {
  runAll(
    families.map(
      (family) => () => releaseFamily(family, directory, distinct(ofFamily(addresses, family)), goes),
    ),
  );
}

function releaseFamily(
  family: Family,
  directory: string,
  addresses: readonly IpAddress[],
  goes: (owner: Owner) => boolean,
): void {
  const released = (): readonly IpAddress[] =>
    addresses.filter((address) => {
      const record = readRecord(directory, address);
      return record === undefined || goes(record.owner) || !isAlive(record);
    });
  if (released().length === 0) return;
  try {
    // Asked again there, where no other call of ours is at work: the address may have got a new owner meanwhile.
    changeRules(family, "filter", (current) => planRemove(current, released()));
  } catch (error) {
    if (!nothingCanExist(error, directory, addresses)) throw error;
  }
  for (const address of released()) removeRecord(directory, address);
}

/** Where iptables cannot work there are no rules; where only its programs are gone a record tells that it could. */
function nothingCanExist(error: unknown, directory: string, addresses: readonly IpAddress[]): boolean {
  if (!(error instanceof IptablesUnavailable)) return false;
  if (error.code !== ErrorCode.programMissing) return true;
  return addresses.every((address) => readRecord(directory, address) === undefined);
}
