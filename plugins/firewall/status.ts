import { asCniError } from "../../shared/cni/errors/as-cni-error.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { iptablesProgram } from "../../shared/iptables/program.ts";
import { readRules } from "../../shared/iptables/transitional.ts";
import { requireWritableDirectory } from "../../shared/linux/writable-directory.ts";
import { usesNftables } from "./backend.ts";
import { decodeConfig, type FirewallConfig } from "./config.ts";
import { chooseFirewalld } from "./firewalld.ts";
import { requireWorkingNftables } from "./nftables/commands.ts";
import { recordFailure } from "./record-files.ts";

/**
 * Would ADD work: firewalld runs and has the zone, or iptables is installed and can read the table, and records can be
 * kept; or nf_tables can be used and nothing drops what containers send. Only IPv4 is looked at, since the configuration
 * does not tell whether there will be IPv6 addresses.
 *
 * @throws CniError code 50 when it would not.
 */
export function status(request: Request): void {
  const config = decodeConfig(request);
  try {
    if (usesNftables(config)) {
      requireWorkingNftables();
      return;
    }
    requireWritableRecords(config.dataDir);
    const isFirewalld = firewalldIsReady(config);
    if (!isFirewalld || config.ingressPolicy !== "open") requireWorkingIptables();
  } catch (error) {
    const known = asCniError(error);
    if (known === undefined) throw error;
    throw new CniError(ErrorCode.pluginNotAvailable, known.message, known.details, { cause: error });
  }
}

function requireWritableRecords(dataDir: string): void {
  try {
    requireWritableDirectory(dataDir);
  } catch (error) {
    throw recordFailure("keep records in", dataDir, error);
  }
}

/** False when iptables is the backend. Throws CniError when firewalld is, but does not run or lacks the zone. */
function firewalldIsReady({ backend, zone }: FirewallConfig): boolean {
  const firewalld = chooseFirewalld(backend);
  try {
    firewalld?.sources(zone);
    return firewalld !== undefined;
  } finally {
    firewalld?.close();
  }
}

function requireWorkingIptables(): void {
  iptablesProgram(4, "restore");
  readRules(4, "filter");
}
