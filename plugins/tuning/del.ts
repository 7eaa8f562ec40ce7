import { inContainerIfPresent } from "../../shared/cni/container-netns.ts";
import { isOwnLink } from "../../shared/cni/own-link.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { findLink } from "../../shared/rtnetlink/link.ts";
import { parseBackup } from "./backup.ts";
import { backupPath, readBackup, removeBackup } from "./backup-file.ts";
import { decodeDataDir } from "./config.ts";
import { type LinkSettings, restoreSteps } from "./link-settings.ts";

/**
 * DEL: gives the interface the settings back that it had before the first ADD.
 *
 * Plugins are called in reverse order, and the first failure keeps all others from cleaning up. What tuning restores
 * is not worth that: a failure to restore is not reported, the backup file is then kept for another DEL.
 */
export function del(request: Request): void {
  const path = backupPath(decodeDataDir(request), request);
  try {
    const content = readBackup(path);
    const saved = content === undefined ? undefined : parseBackup(content);
    if (saved !== undefined) restore(request, saved);
    removeBackup(path);
  } catch {
    // Kept for another DEL.
  }
}

/**
 * Does nothing when namespace or interface are gone: then nothing is left that could be restored. Another container's
 * interface, to which `CNI_NETNS` may lead by now, is left alone.
 */
function restore(request: Request, saved: LinkSettings): void {
  const container = inContainerIfPresent(request, openRtnetlink);
  if (container === undefined) return;
  const host = openRtnetlink();
  try {
    const link = findLink(container, request.ifname);
    if (link === undefined || isOwnLink(request, link, host, container, saved.mac) === false) return;
    runAll(restoreSteps(container, link, saved));
  } finally {
    host.close();
    container.close();
  }
}
