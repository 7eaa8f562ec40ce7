import type { Attachment } from "../../shared/cni/attachments.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import { backupPath, backupsOf, removeBackup } from "./backup-file.ts";
import { decodeDataDir } from "./config.ts";

/**
 * GC: removes the backup files of this network's attachments that are not listed. What they would restore is gone with
 * the container, or cannot be found any more: a file does not tell the namespace.
 *
 * @throws SystemError the first failure, after everything was tried.
 */
export function gc(request: Request, valid: readonly Attachment[]): void {
  const dataDir = decodeDataDir(request);
  const kept = new Set(valid.map((attachment) => backupPath(dataDir, attachment)));
  const stale = backupsOf(dataDir, request.network).filter((path) => !kept.has(path));
  runAll(stale.map((path) => () => removeBackup(path)));
}
