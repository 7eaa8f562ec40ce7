import type { Attachment } from "../../shared/cni/attachments.ts";
import { isIdentifier } from "../../shared/cni/environment.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import { type StoreSettings, storeSettings } from "./config.ts";
import { Cooling } from "./cooling.ts";
import { formatLease, type Lease } from "./lease.ts";
import { directoryExists, isLeaseName } from "./lease-directory.ts";
import { withLock } from "./lease-lock.ts";
import { LeaseStore } from "./lease-store.ts";
import { trimSpace } from "./white-space.ts";

/** Releases the leases of this network whose attachment is not listed. What is no lease stays. */
export function gc(request: Request, valid: readonly Attachment[]): void {
  const settings = storeSettings(request);
  if (!directoryExists(settings.directory)) return;
  // Leases that name no interface stay while their container has any.
  const live = new Set(valid.flatMap((owner) => [formatLease(owner), trimSpace(owner.containerId)]));
  withLock(settings, () => releaseStale(settings, live));
}

function releaseStale(settings: StoreSettings, live: ReadonlySet<string>): void {
  const store = new LeaseStore(settings);
  const cooling = new Cooling(settings);
  // Marks of addresses that nobody asked for again.
  cooling.resting();
  // Not by the index: this is the call to find what nobody else did.
  const stale = store.scan().filter(({ name, lease }) => isLeaseName(name) && isStale(lease, live));
  try {
    runAll(
      stale.map((file) => () => {
        cooling.mark(file.name);
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
