import type { Attachment } from "../../shared/cni/attachments.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import { removeStaleMarks } from "./attachment-marks.ts";
import { Bindings } from "./bindings.ts";
import { decodeConfig } from "./config.ts";
import { collectInRuleset } from "./nftables/ruleset.ts";
import type { Owner } from "./owner.ts";
import { underRecordLock } from "./record-lock.ts";
import { listRecords, readRecord, recordDirectory, removeUnfinished } from "./records.ts";
import { release } from "./release.ts";

/** Removes the rules of this network's attachments that are not listed. Knows those that it made itself. */
export function gc(request: Request, valid: readonly Attachment[]): void {
  const isStale = (owner: Owner): boolean =>
    owner.network === request.network &&
    !valid.some(({ containerId, ifname }) => containerId === owner.containerId && ifname === owner.ifname);
  const config = decodeConfig(request);
  const directory = recordDirectory(config.dataDir);
  const stale = listRecords(directory).filter((record) => isStale(record.owner));
  const bindings = new Bindings(config);
  try {
    runAll([
      () => collectInRuleset(request.network, valid),
      () => release({ directory, addresses: stale.map(({ address }) => address), goes: isStale, bindings }),
    ]);
  } finally {
    bindings.close();
  }
  removeUnfinished(directory);
  // Under the lock, since an ADD writes the mark before the record.
  underRecordLock(directory, () =>
    removeStaleMarks(directory, (address) => readRecord(directory, address)?.owner),
  );
}
