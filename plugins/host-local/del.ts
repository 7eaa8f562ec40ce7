import type { Request } from "../../shared/cni/plugin.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import { isErrno } from "../../shared/errors/system-error.ts";
import type { StoreSettings } from "./config.ts";
import { LeaseStore } from "./index/lease-store.ts";
import { directoryExists } from "./leases/directory.ts";
import { withLock } from "./leases/lock.ts";
import { Cooling } from "./ranges/cooling.ts";

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
    // Somebody removed the directory meanwhile.
    if (isErrno(error, "ENOENT") && !directoryExists(directory)) return;
    if (!isErrno(error, "EROFS")) throw error;
    // On a read-only file system the lock file cannot be created, and is not needed. There may be nothing to release.
    release(settings, request);
  }
}

function release(settings: StoreSettings, { containerId, ifname }: Request): void {
  const store = new LeaseStore(settings);
  const cooling = new Cooling(settings);
  const owner = { containerId, ifname };
  const own = store.leasesOf(owner);
  // Leases that name no interface may be those of another one: they go only if none names this one. (With several range
  // sets the Go plugin removes them in any case.)
  const kind = own.length > 0 ? "lease" : "legacy";
  const names = kind === "lease" ? own : store.legacyLeasesOf(owner);
  try {
    runAll(
      names.map((name) => () => {
        // First: if it were killed behind the release, the address would not rest.
        cooling.startRest(name);
        store.release({ name, lease: { kind, containerId, ifname } });
      }),
    );
  } finally {
    store.commit();
  }
}
