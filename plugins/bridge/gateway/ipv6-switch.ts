import { CniError, ErrorCode } from "../../../shared/cni/errors/cni-error.ts";
import { SystemError } from "../../../shared/errors/system-error.ts";
import { linkSysctl, readSysctl, writeSysctl } from "../../../shared/linux/sysctl.ts";

/**
 * Gives an IPv6 address to a link of the host, on which IPv6 is switched on for it where it is off since the host has it
 * off for all links. A link that alone has it off has it by somebody's decision. It stays on, as forwarding does.
 *
 * @throws CniError when it stays off; what `giveAddress` throws otherwise.
 */
export function withIpv6On<T>(link: string, giveAddress: () => T): T {
  try {
    return giveAddress();
  } catch (error) {
    if (!(error instanceof SystemError) || error.errno !== "EACCES" || !isKnownOff(link)) throw error;
    switchOn(link, error);
    return giveAddress();
  }
}

function switchOn(link: string, refusal: SystemError): void {
  const path = pathOf(link);
  try {
    if (isOffForAll()) {
      writeSysctl(path, "0");
      return;
    }
  } catch {
    // What keeps it off is told below.
  }
  throw new CniError(
    ErrorCode.kernelRefused,
    refusal.message,
    `IPv6 is switched off on ${link}: set "sysctl -w ${path}=0", or leave IPv6 out of the network`,
    { cause: refusal },
  );
}

function isKnownOff(link: string): boolean {
  try {
    return isOff(link);
  } catch {
    return false;
  }
}

function isOff(link: string): boolean {
  return readSysctl(pathOf(link)) !== "0";
}

function isOffForAll(): boolean {
  return ["all", "default"].some((links) => readSysctl(`net/ipv6/conf/${links}/disable_ipv6`) !== "0");
}

function pathOf(link: string): string {
  return linkSysctl(6, link, "disable_ipv6");
}
