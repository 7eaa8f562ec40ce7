import { accessSync, constants } from "node:fs";
import { dirname } from "node:path";
import type { Request } from "../../shared/cni/plugin.ts";
import { CniError, ErrorCode, errorText } from "../../shared/errors/cni-error.ts";
import { nodeErrno } from "../../shared/errors/system-error.ts";
import { readAllowList, refuseUnlisted, validatePatterns } from "./allow-list.ts";
import { decodeConfig } from "./config.ts";
import { sysctlSettings } from "./sysctl-settings.ts";

/** STATUS: whether ADD can work with this configuration on this host. Throws CniError, code 50 for the host's part. */
export function status(request: Request): void {
  const { sysctls, dataDir } = decodeConfig(request);
  sysctlSettings(sysctls, "IFNAME");
  const patterns = usable("the allow-list is not usable", () => {
    const read = readAllowList();
    if (read !== undefined) validatePatterns(read);
    return read;
  });
  if (patterns !== undefined) refuseUnlisted([...sysctls.keys()], patterns);
  usable(`dataDir ${dataDir} is not usable`, () => accessDirectory(dataDir));
}

function usable<T>(otherwise: string, test: () => T): T {
  try {
    return test();
  } catch (error) {
    const details = error instanceof CniError ? error.details : "";
    throw new CniError(ErrorCode.pluginNotAvailable, `${otherwise}: ${errorText(error)}`, details);
  }
}

/** Throws unless files can be made in the directory, or in the nearest one above it that exists. */
function accessDirectory(path: string): void {
  try {
    // The dot fails for what is no directory.
    accessSync(`${path}/.`, constants.W_OK | constants.X_OK);
  } catch (error) {
    if (nodeErrno(error) !== "ENOENT" || path === "/") throw error;
    accessDirectory(dirname(path));
  }
}
