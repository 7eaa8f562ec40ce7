import { asCniError } from "../../shared/cni/errors/as-cni-error.ts";
import { CniError } from "../../shared/cni/errors/cni-error.ts";
import { SystemError } from "../../shared/errors/system-error.ts";
import type { LinkSettings } from "./link-settings.ts";

// What a refusal of the kernel means is known here only: the kernel's words are the same for everything.

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

const linkAdvice: Readonly<Partial<Record<keyof LinkSettings, string>>> = {
  mac: "the device has to allow the address: no multicast address, and some drivers change it only while the device is down",
  mtu: 'outside what the device can do: "ip -d link" shows minmtu and maxmtu',
};

/** The error of a sysctl that is not there, under this path below /proc/sys, with what to do about it. */
export function adviseOnMissing(error: unknown, path: string): unknown {
  // net/ipv4/conf/NAME/PARAMETER
  const [, , group = "", ...rest] = path.split("/");
  const isDotted = (group === "conf" || group === "neigh") && rest.length > 2;
  const absent = isDotted ? `${noSysctl}; ${dottedName}` : noSysctl;
  return advised(error, ({ errno }) =>
    errno === "EISDIR" ? "the key names a group of parameters, not one" : absent,
  );
}

/** The error of a sysctl that cannot be set, with what to do about it. */
export function adviseOnValue(error: unknown): unknown {
  return advised(error, ({ errno }) => valueAdvice[errno] ?? otherValueAdvice);
}

/** The error of a setting with what to do about it. */
export function adviseOnLink(error: unknown, name: keyof LinkSettings): unknown {
  return advised(
    error,
    (_error, { details }) => linkAdvice[name] ?? (details || "the device does not support this"),
  );
}

function advised(error: unknown, advice: (error: SystemError, known: CniError) => string): unknown {
  const known = asCniError(error);
  if (!(error instanceof SystemError) || known === undefined) return error;
  return new CniError(known.code, known.message, advice(error, known), { cause: error });
}
