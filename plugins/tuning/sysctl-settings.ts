import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { UndoStack } from "../../shared/cni/undo-stack.ts";
import { isErrno } from "../../shared/errors/system-error.ts";
import { readSysctl, writeSysctl } from "../../shared/linux/sysctl.ts";
import { withAdvice } from "./advice.ts";
import { sysctlPaths } from "./sysctl-key.ts";

/** A kernel parameter to set. */
export interface SysctlSetting {
  /** The paths it may have; see `sysctlPaths`. */
  readonly paths: readonly string[];
  readonly value: string;
}

/** A kernel parameter that exists in the namespace where it was looked up. */
interface FoundSysctl {
  readonly path: string;
  /** Absent for parameters that cannot be read: net/ipv4/route/flush never, a stable_secret before it is set. */
  readonly current?: string;
  readonly value: string;
}

/**
 * The kernel parameters that the configured keys name, with the values to set.
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
        // The error names the first path.
      }
    }
    // The parameter exists but cannot be read; writing it decides whether it takes the value.
    if (!isErrno(error, "ENOENT", "ENOTDIR", "EISDIR")) return { path, value };
    throw withMissingAdvice(error, path);
  }
}

/** Sets parameters in the calling thread's namespace. An empty value leaves a parameter alone. Throws CniError. */
export function applySysctls(sysctls: readonly FoundSysctl[], undo: UndoStack): void {
  for (const { path, current, value } of sysctls) {
    if (value === "") continue;
    try {
      writeSysctl(path, value);
    } catch (error) {
      throw withAdvice(error, ({ errno }) => valueAdvice[errno] ?? otherValueAdvice);
    }
    if (current !== undefined) undo.push(() => writeSysctl(path, current));
  }
}

const noSysctl =
  "the container's namespace has no such parameter: a typing mistake, a kernel module that is not loaded, or a parameter of the whole host";
const dottedName =
  'dots separate: for an interface whose name has a dot write "IFNAME", as in net.ipv4.conf.IFNAME.arp_notify, or slashes around the name';
const valueAdvice: Readonly<Record<string, string>> = {
  ENOENT:
    "the kernel knows no such value for the parameter: a typing mistake, or a kernel module that is not loaded",
  EACCES: "the parameter cannot be changed, or not from a container's namespace",
  EPERM: "the parameter cannot be changed, or not from a container's namespace",
  EROFS: "the parameter cannot be changed: /proc/sys is mounted read-only",
};
const otherValueAdvice = "the kernel does not take this value for the parameter";

/** The error of a parameter that does not exist, with advice; `path` is below /proc/sys. */
function withMissingAdvice(error: unknown, path: string): unknown {
  // net/ipv4/conf/NAME/PARAMETER
  const [, , group = "", ...rest] = path.split("/");
  const isDotted = (group === "conf" || group === "neigh") && rest.length > 2;
  const absent = isDotted ? `${noSysctl}; ${dottedName}` : noSysctl;
  return withAdvice(error, ({ errno }) =>
    errno === "EISDIR" ? "the key names a group of parameters, not one" : absent,
  );
}
