import type { IpAddress } from "../../shared/ip/address.ts";
import { IptablesUnavailable } from "../../shared/iptables/client.ts";
import { ruleNames } from "../../shared/iptables/presence.ts";
import type { Ruleset } from "../../shared/iptables/ruleset.ts";
import type { Transaction } from "../../shared/iptables/transaction.ts";
import { changeRules } from "../../shared/iptables/transitional.ts";
import { families } from "./attachment.ts";
import type { Bindings } from "./bindings.ts";
import { unusedBridges } from "./isolation-users.ts";
import { planRemove } from "./plan.ts";
import { type AddressRecord, eachRecord } from "./records.ts";
import { forwardChain } from "./rules.ts";

/**
 * Removes what an earlier ADD made for an address that a later one does not: with another backend, zone or policy.
 * Without this nothing would know of it, since the later one's record has replaced the earlier one's.
 *
 * @param before the records that were replaced.
 * @param now the records that replaced them.
 */
export function removeLeftovers(
  directory: string,
  before: readonly AddressRecord[],
  now: Pick<AddressRecord, "zone" | "isolation">,
  bindings: Bindings,
): void {
  for (const record of before) {
    if (record.zone !== undefined && record.zone !== now.zone) bindings.release(record.address, record);
  }
  for (const family of families) {
    const replaced = before.filter(({ address }) => address.family === family);
    const unruled = now.zone === undefined ? [] : replaced.filter(({ zone }) => zone === undefined);
    const moved = replaced.filter((record) => isOtherBridge(record, now));
    if (unruled.length === 0 && moved.length === 0) continue;
    const addresses: readonly IpAddress[] = unruled.map(({ address }) => address);
    const plan = (current: Ruleset): Transaction => {
      const staying = () => ofFamily(eachRecord(directory), family);
      const bridges = unusedBridges(family, current, moved, staying, () => bindings.sourcesOf(moved));
      return planRemove(current, addresses, bridges);
    };
    try {
      changeRules(family, "filter", plan);
    } catch (error) {
      const isThere = (address: IpAddress) => ruleNames("filter", forwardChain, address) === true;
      if (!(error instanceof IptablesUnavailable) || addresses.some(isThere)) throw error;
    }
  }
}

function isOtherBridge(record: AddressRecord, now: Pick<AddressRecord, "isolation">): boolean {
  return record.isolation !== undefined && record.isolation.bridge !== now.isolation?.bridge;
}

function* ofFamily(records: Iterable<AddressRecord>, family: 4 | 6): Generator<AddressRecord> {
  for (const record of records) if (record.address.family === family) yield record;
}
