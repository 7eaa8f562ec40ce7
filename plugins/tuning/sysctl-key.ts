import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";

/**
 * The paths below /proc/sys that a key of `sysctl` may name, in the order in which to try them. The first IFNAME in a key
 * stands for the container's interface, whose name may have dots.
 *
 * In the first path each dot and each slash is a separator. The second path, of keys that have both, is that of sysctl(8):
 * only the character that comes first separates, the other one belongs to a name (net/ipv4/conf/eth0.7/arp_notify).
 *
 * @throws CniError code 7 when the parameter is outside net.*, the part that belongs to a network namespace.
 */
export function sysctlPaths(key: string, ifname: string): readonly string[] {
  const path = netPath(key.replaceAll(".", "/"), ifname);
  if (path === undefined) {
    throw new CniError(
      ErrorCode.invalidConfig,
      `invalid net sysctl key: ${JSON.stringify(key)}`,
      "tuning sets parameters below net. only: others belong to the whole host",
    );
  }
  const other = netPath(asSysctlReads(key), ifname);
  return other === undefined || other === path ? [path] : [path, other];
}

function netPath(text: string, ifname: string): string | undefined {
  // Given by a function, since "$&" in the name would be replaced.
  const names = text.replace("IFNAME", () => ifname).split("/");
  const path = names.filter((name) => name !== "");
  const isSafe = path.every((name) => name !== "." && name !== ".." && !name.includes("\0"));
  return isSafe && path[0] === "net" && path.length > 1 ? path.join("/") : undefined;
}

/** sysctl(8), "variable": with a dot as first separator, dots and slashes change places. */
function asSysctlReads(key: string): string {
  const first = /[./]/.exec(key)?.[0];
  if (first !== ".") return key;
  return key.replace(/[./]/g, (separator) => (separator === "." ? "/" : "."));
}
