import type { Attachment } from "../../../shared/cni/attachments.ts";
import { trimSpace } from "../white-space.ts";

/**
 * The content of a file in the leases' directory. `legacy` leases are of old releases of the Go plugin, which knew one
 * interface per container. `torn` files are empty: their writer was killed, or the power failed, before it wrote them.
 */
export type Lease =
  | { readonly kind: "lease"; readonly containerId: string; readonly ifname: string }
  | { readonly kind: "legacy"; readonly containerId: string }
  | { readonly kind: "torn" }
  | { readonly kind: "foreign" };

/** The content of a lease file, byte for byte the Go plugin's. */
export function formatLease({ containerId, ifname }: Attachment): string {
  return `${trimSpace(containerId)}\r\n${ifname}`;
}

/** The lease that the content of a file means. */
export function parseLease(text: string): Lease {
  const trimmed = trimSpace(text);
  // Some file systems leave zeros where data was not written before the power went.
  if (trimSpace(trimmed.replaceAll("\0", "")) === "") return { kind: "torn" };
  const [containerId = "", ifname, ...more] = trimmed.split("\r\n");
  if (more.length > 0) return { kind: "foreign" };
  return ifname === undefined ? { kind: "legacy", containerId } : { kind: "lease", containerId, ifname };
}

/** True when the lease names this container and interface. */
export function isLeaseOf(lease: Lease, { containerId, ifname }: Attachment): boolean {
  return lease.kind === "lease" && lease.containerId === trimSpace(containerId) && lease.ifname === ifname;
}

/** True when the lease names this container and no interface. */
export function isLegacyLeaseOf(lease: Lease, { containerId }: Attachment): boolean {
  return lease.kind === "legacy" && lease.containerId === trimSpace(containerId);
}

/** "container 4f2a, interface eth0", for messages. */
export function formatHolder(lease: Lease): string {
  switch (lease.kind) {
    case "lease":
      return `container ${lease.containerId}, interface ${lease.ifname}`;
    case "legacy":
      return `container ${lease.containerId}`;
    default:
      return "nobody that can be told";
  }
}
