import { asCniError } from "../../shared/cni/errors/as-cni-error.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { errorText } from "../../shared/errors/failure.ts";
import { requireWritableDirectory } from "../../shared/linux/writable-directory.ts";
import { assertListed, assertPatterns, readAllowList } from "./allow-list.ts";
import type { TuningConfig } from "./config.ts";
import { sysctlSettings } from "./sysctl-settings.ts";

/** Asserts that ADD can work with this configuration on this host. Throws CniError, code 50 for the host's part. */
export function status({ sysctls, dataDir }: TuningConfig): void {
  sysctlSettings(sysctls, "IFNAME");
  const patterns = assertUsable("the allow-list is not usable", () => {
    const read = readAllowList();
    if (read !== undefined) assertPatterns(read);
    return read;
  });
  if (patterns !== undefined) assertListed([...sysctls.keys()], patterns);
  assertUsable(`dataDir ${dataDir} is not usable`, () => requireWritableDirectory(dataDir));
}

function assertUsable<T>(otherwise: string, test: () => T): T {
  try {
    return test();
  } catch (error) {
    const details = asCniError(error)?.details ?? "";
    throw new CniError(ErrorCode.pluginNotAvailable, `${otherwise}: ${errorText(error)}`, details);
  }
}
