import type { Attachment } from "../../shared/cni/attachments.ts";
import { isIdentifier } from "../../shared/cni/environment.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import type { StoreSettings } from "./config.ts";
import { LeaseStore } from "./index/lease-store.ts";
import { directoryExists, isLeaseName } from "./leases/directory.ts";
import { formatLease, type Lease } from "./leases/lease.ts";
import { withLock } from "./leases/lock.ts";
import { Cooling } from "./ranges/cooling.ts";
import { trimSpace } from "./white-space.ts";

/** Releases the leases of this network whose attachment is not listed. Files that are no leases stay. */
export function gc(valid: readonly Attachment[], settings: StoreSettings): void {
  if (!directoryExists(settings.directory)) return;
  // Leases that name no interface stay while their container has any.
  const live = new Set(valid.flatMap((owner) => [formatLease(owner), trimSpace(owner.containerId)]));
  withLock(settings, () => releaseStale(settings, live));
}

function releaseStale(settings: StoreSettings, live: ReadonlySet<string>): void {
  const store = new LeaseStore(settings);
  const cooling = new Cooling(settings);
  // To remove the notes of addresses that nobody asked for again.
  cooling.resting();
  // Without the index: GC is to find what other calls missed.
  const stale = store.scan().filter(({ name, lease }) => isLeaseName(name) && isStale(lease, live));
  try {
    runAll(
      stale.map((file) => () => {
        cooling.startRest(file.name);
        store.release(file);
      }),
    );
  } finally {
    store.commit();
  }
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
