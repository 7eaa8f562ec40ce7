import type { Attachment } from "../../shared/cni/attachments.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import { backupPath, backupsOf, removeBackup } from "./backup.ts";

/**
 * Removes the backup files of this network's attachments that are not listed. The interfaces are gone with their
 * containers, or cannot be found: a backup has no namespace.
 *
 * @throws SystemError the first failure, after everything was tried.
 */
export function gc({ network }: Request, valid: readonly Attachment[], dataDir: string): void {
  const kept = new Set(valid.map((attachment) => backupPath(dataDir, attachment)));
  const stale = backupsOf(dataDir, network).filter((path) => !kept.has(path));
  runAll(stale.map((path) => () => removeBackup(path)));
}
