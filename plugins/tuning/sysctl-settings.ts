import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { UndoStack } from "../../shared/cni/undo-stack.ts";
import { isErrno } from "../../shared/errors/system-error.ts";
import { readSysctl, writeSysctl } from "../../shared/linux/sysctl.ts";
import { adviseOnMissing, adviseOnValue } from "./advice.ts";
import { sysctlPaths } from "./sysctl-key.ts";

/** A kernel parameter to set. */
export interface SysctlSetting {
  /** The paths it may have; see `sysctlPaths`. */
  readonly paths: readonly string[];
  readonly value: string;
}

/** A kernel parameter that exists, in the namespace where it was looked for. */
export interface FoundSysctl {
  readonly path: string;
  /** Absent for parameters that cannot be read: net/ipv4/route/flush never, a stable_secret before it is set. */
  readonly current?: string;
  readonly value: string;
}

/**
 * What the configured sysctls are about.
 *
 * @throws CniError code 7 for a key outside net.*, and for two keys that set one parameter to different values.
 */
export function sysctlSettings(sysctls: ReadonlyMap<string, string>, ifname: string): SysctlSetting[] {
  const keyOf = new Map<string, string>();
  return Array.from(sysctls, ([key, value]) => {
    const paths = sysctlPaths(key, ifname);
    const [path = ""] = paths;
    const other = keyOf.get(path);
    if (other !== undefined && sysctls.get(other) !== value) {
      throw new CniError(
        ErrorCode.invalidConfig,
        "duplicated sysctl keys are not allowed",
        `${JSON.stringify(other)} and ${JSON.stringify(key)} are both ${path}, with different values: remove one`,
      );
    }
    keyOf.set(path, key);
    return { paths, value };
  });
}

/** Looks a parameter up in the calling thread's namespace. Throws CniError when there is none. */
export function findSysctl({ paths, value }: SysctlSetting): FoundSysctl {
  const [path = "", ...others] = paths;
  try {
    return { path, current: readSysctl(path), value };
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) {
      try {
        if (others.length > 0) return findSysctl({ paths: others, value });
      } catch {
        // The first path is the one to be named in the error.
      }
    }
    // There is something; whether it takes the value is seen when it is written.
    if (!isErrno(error, "ENOENT", "ENOTDIR", "EISDIR")) return { path, value };
    throw adviseOnMissing(error, path);
  }
}

/** Sets parameters in the calling thread's namespace. An empty value leaves a parameter alone. Throws CniError. */
export function applySysctls(sysctls: readonly FoundSysctl[], undo: UndoStack): void {
  for (const { path, current, value } of sysctls) {
    if (value === "") continue;
    try {
      writeSysctl(path, value);
    } catch (error) {
      throw adviseOnValue(error);
    }
    if (current !== undefined) undo.push(() => writeSysctl(path, current));
  }
}
