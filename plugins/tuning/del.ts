import type { Request } from "../../shared/cni/plugin.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import { inNetns, openNetnsIfPresent } from "../../shared/linux/netns.ts";
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

/** Does nothing when namespace or interface are gone: then nothing is left that could be restored. */
function restore({ netns, ifname }: Request, saved: LinkSettings): void {
  const container = openNetnsIfPresent(netns);
  if (container === undefined) return;
  try {
    inNetns(container, () => {
      const rt = openRtnetlink();
      try {
        const link = findLink(rt, ifname);
        if (link !== undefined) runAll(restoreSteps(rt, link, saved));
      } finally {
        rt.close();
      }
    });
  } finally {
    container.close();
  }
}
