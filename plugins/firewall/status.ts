import type { Request } from "../../shared/cni/plugin.ts";
import { CniError, ErrorCode } from "../../shared/errors/cni-error.ts";
import { readRules } from "../../shared/iptables/client.ts";
import { findProgram } from "../../shared/iptables/program.ts";
import { decodeConfig } from "./config.ts";

/**
 * Can rules be made at all: the programs are there and the table can be read. Only IPv4 is looked at, since the
 * configuration does not tell whether there will be IPv6 addresses.
 *
 * @throws CniError code 50 when they cannot.
 */
export function status(request: Request): void {
  decodeConfig(request);
  try {
    findProgram(4, "restore");
    readRules(4, "filter");
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    throw new CniError(ErrorCode.pluginNotAvailable, error.message, error.details, { cause: error });
  }
}
