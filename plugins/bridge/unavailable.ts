import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { hasNftables } from "../../shared/nftables/client.ts";

/** The error of STATUS: ADD would fail on this host. */
export function notAvailable(msg: string, details: string): CniError {
  return new CniError(ErrorCode.pluginNotAvailable, msg, details);
}

/** @throws CniError code 50 when nf_tables cannot be used on this host. */
export function assertNftables(): void {
  if (hasNftables()) return;
  throw notAvailable(
    "the kernel has no nf_tables, or does not let this process use it",
    "macspoofchk and ipMasqBackend nftables need CONFIG_NF_TABLES and root",
  );
}
