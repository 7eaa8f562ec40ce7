import { asCniError } from "../../shared/cni/errors/as-cni-error.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { errorText } from "../../shared/errors/failure.ts";
import { requireWritableDirectory } from "../../shared/linux/writable-directory.ts";
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
  usable(`dataDir ${dataDir} is not usable`, () => requireWritableDirectory(dataDir));
}

function usable<T>(otherwise: string, test: () => T): T {
  try {
    return test();
  } catch (error) {
    const details = asCniError(error)?.details ?? "";
    throw new CniError(ErrorCode.pluginNotAvailable, `${otherwise}: ${errorText(error)}`, details);
  }
}
