import type { AttachmentKey } from "../../shared/cni/attachment-key.ts";
import type { Attachment } from "../../shared/cni/attachments.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import { goZone } from "./backend.ts";
import type { Clients } from "./clients.ts";
import type { CleanUpConfig } from "./config.ts";
import { Bindings } from "./firewalld/bindings.ts";
import { releaseAddresses } from "./iptables/release.ts";
import { collectInRuleset } from "./nftables/ruleset.ts";
import { removeStaleEntries } from "./records/attachment-index.ts";
import { underRecordLock } from "./records/record-files.ts";
import { listRecords, readAddressRecord, recordDirectory, removeUnfinished } from "./records/records.ts";

/** Removes what ADD made for attachments of this network that are not listed. Throws CniError. */
export function gc(
  { network }: Request,
  valid: readonly Attachment[],
  config: CleanUpConfig,
  { iptables, firewalld }: Clients,
): void {
  const isStale = (owner: AttachmentKey): boolean =>
    owner.network === network &&
    !valid.some(({ containerId, ifname }) => containerId === owner.containerId && ifname === owner.ifname);
  const directory = recordDirectory(config.dataDir);
  const stale = listRecords(directory).filter((record) => isStale(record.owner));
  const addresses = stale.map(({ address }) => address);
  const bindings = new Bindings(firewalld, goZone(config));
  runAll([
    () => collectInRuleset(network, valid),
    () => releaseAddresses({ iptables, bindings, directory }, addresses, isStale),
  ]);
  removeUnfinished(directory);
  // Under the lock, since ADD writes to the index before it writes the record.
  underRecordLock(directory, () =>
    removeStaleEntries(directory, (address) => readAddressRecord(directory, address)?.owner),
  );
}
