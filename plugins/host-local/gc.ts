import type { Attachment } from "../../shared/cni/attachments.ts";
import { isIdentifier } from "../../shared/cni/environment.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import { storeSettings } from "./config.ts";
import { formatLease, type Lease } from "./lease.ts";
import { directoryExists, isLeaseName, readLeases, removeFile } from "./lease-directory.ts";
import { withLock } from "./lease-lock.ts";
import { trimSpace } from "./white-space.ts";

/** Releases the leases of this network whose attachment is not listed. What is no lease stays. */
export function gc(request: Request, valid: readonly Attachment[]): void {
  const store = storeSettings(request);
  if (!directoryExists(store.directory)) return;
  // Leases that name no interface stay while their container has any.
  const live = new Set(valid.flatMap((owner) => [formatLease(owner), trimSpace(owner.containerId)]));
  withLock(store, () => {
    const stale = readLeases(store.directory).filter(
      ({ name, lease }) => isLeaseName(name) && isStale(lease, live),
    );
    runAll(
      stale.map(
        ({ name }) =>
          () =>
            removeFile(store.directory, name),
      ),
    );
  });
}

function isStale(lease: Lease, live: ReadonlySet<string>): boolean {
  switch (lease.kind) {
    case "torn":
      return true;
    case "lease":
      return isIdentifier(lease.containerId) && !live.has(formatLease(lease));
    case "legacy":
      return isIdentifier(lease.containerId) && !live.has(lease.containerId);
    case "foreign":
      return false;
  }
}
