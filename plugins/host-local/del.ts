import type { Request } from "../../shared/cni/plugin.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import { isErrno } from "../../shared/errors/system-error.ts";
import type { StoreSettings } from "./config.ts";
import { isLeaseOf, isLegacyLeaseOf } from "./lease.ts";
import { directoryExists, readLeases, removeFile } from "./lease-directory.ts";
import { withLock } from "./lease-lock.ts";

/**
 * Releases every lease of the attachment in this network, whatever the configured ranges are now. Succeeds when there
 * is none, and creates nothing.
 */
export function del(request: Request, store: StoreSettings): void {
  if (!directoryExists(store.directory)) return;
  try {
    withLock(store, () => release(store.directory, request));
  } catch (error) {
    // Somebody has removed the directory this moment.
    if (isErrno(error, "ENOENT") && !directoryExists(store.directory)) return;
    if (!isErrno(error, "EROFS")) throw error;
    // On a read-only file system the lock file cannot be made, and is not needed; there may be nothing to release.
    release(store.directory, request);
  }
}

function release(directory: string, owner: Request): void {
  const files = readLeases(directory);
  const own = files.filter(({ lease }) => isLeaseOf(lease, owner));
  // Leases that name no interface may be another interface's: they go only when none names this one. (With several
  // range sets the Go plugin takes them in any case.)
  const found = own.length > 0 ? own : files.filter(({ lease }) => isLegacyLeaseOf(lease, owner));
  runAll(
    found.map(
      ({ name }) =>
        () =>
          removeFile(directory, name),
    ),
  );
}
