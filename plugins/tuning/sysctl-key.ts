import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";

/**
 * The kernel parameter that a key of `sysctl` names, as a path below /proc/sys. The word IFNAME (its first
 * occurrence) stands for the container's interface, whose name may hold dots.
 *
 * Each dot and each slash separates. A key that holds both can also be meant as sysctl(8) reads it, where the first
 * separator is the only one and the other character belongs to a name (net/ipv4/conf/eth0.7/arp_notify): that path
 * comes second, for when the first does not exist.
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
  // A function, because "$&" in an interface's name must stay what it is.
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
