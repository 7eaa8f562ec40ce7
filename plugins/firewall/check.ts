import { lazy } from "../../shared/basics/lazy.ts";
import { sameAttachment } from "../../shared/cni/attachment-key.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import { type FirewallAttachment, firewallAttachment } from "./attachment.ts";
import { decideBackend } from "./backend.ts";
import type { Clients } from "./clients.ts";
import type { FirewallConfig } from "./config.ts";
import { isInRuleset } from "./nftables/ruleset.ts";
import { type AddressRecord, readAddressRecord, recordDirectory } from "./records/records.ts";

/**
 * Compares rules, tables or bindings to firewalld's zone with those that ADD makes; changes nothing.
 *
 * @throws CniError code 105 at the first difference.
 */
export function check(request: Request, config: FirewallConfig, clients: Clients): void {
  const attachment = firewallAttachment(request, config, requirePrevResult(request, "firewall"));
  const found = lazy(() => ({ record: ownRecord(config, attachment) }));
  const record = () => found().record;
  const traces = { record, isInTables: () => isInRuleset(attachment.key) };
  decideBackend(config, clients, traces).check(attachment, record);
}

/** The record of one of the attachment's addresses. */
function ownRecord(
  { dataDir }: FirewallConfig,
  { addresses, key }: FirewallAttachment,
): AddressRecord | undefined {
  const directory = recordDirectory(dataDir);
  return addresses
    .map((address) => readAddressRecord(directory, address))
    .find((found) => found !== undefined && sameAttachment(found.owner, key));
}
