import { inContainerIfPresent } from "../../shared/cni/container-netns.ts";
import { isOwnLink } from "../../shared/cni/own-link.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { findLink } from "../../shared/rtnetlink/link.ts";
import { backupPath, parseBackup, readBackup, removeBackup } from "./backup.ts";
import { type LinkSettings, restoreSteps } from "./link-settings.ts";

/**
 * Restores the settings that the interface had before the first ADD.
 *
 * A failure is not reported: runtimes call plugins in reverse order and stop at the first failure, so the plugins before
 * this one would not clean up. The backup file is kept for another DEL.
 */
export function del(request: Request, dataDir: string): void {
  const path = backupPath(dataDir, request);
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
 * Does nothing when the namespace or the interface is gone, nor to the interface of another container, to which
 * `CNI_NETNS` may lead by now.
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
