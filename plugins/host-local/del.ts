import type { Request } from "../../shared/cni/plugin.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import { isErrno } from "../../shared/errors/system-error.ts";
import type { StoreSettings } from "./config.ts";
import { Cooling } from "./cooling.ts";
import { directoryExists } from "./lease-directory.ts";
import { withLock } from "./lease-lock.ts";
import { LeaseStore } from "./lease-store.ts";

/**
 * Releases every lease of the attachment in this network, whatever the configured ranges are now. Succeeds when there
 * is none, and creates nothing.
 */
export function del(request: Request, settings: StoreSettings): void {
  const { directory } = settings;
  if (!directoryExists(directory)) return;
  try {
    withLock(settings, () => release(settings, request));
  } catch (error) {
    // Somebody has removed the directory this moment.
    if (isErrno(error, "ENOENT") && !directoryExists(directory)) return;
    if (!isErrno(error, "EROFS")) throw error;
    // On a read-only file system the lock file cannot be made, and is not needed; there may be nothing to release.
    release(settings, request);
  }
}

function release(settings: StoreSettings, { containerId, ifname }: Request): void {
  const store = new LeaseStore(settings);
  const cooling = new Cooling(settings);
  const owner = { containerId, ifname };
  const own = store.leasesOf(owner);
  // Leases that name no interface may be another interface's: they go only when none names this one. (With several
  // range sets the Go plugin takes them in any case.)
  const kind = own.length > 0 ? "lease" : "legacy";
  const names = kind === "lease" ? own : store.legacyLeasesOf(owner);
  try {
    runAll(
      names.map((name) => () => {
        // First: killed behind the release, nobody would know that the address has to rest.
        cooling.mark(name);
        store.release({ name, lease: { kind, containerId, ifname } });
      }),
    );
  } finally {
    store.commit();
  }
}
