import { CniError, ErrorCode } from "../../../shared/cni/errors/cni-error.ts";
import { SystemError } from "../../../shared/errors/system-error.ts";
import { linkSysctl, readSysctl, writeSysctl } from "../../../shared/linux/sysctl.ts";

/**
 * Gives an IPv6 address to a link of the host. Switches IPv6 on for the link, and leaves it on, if it is off because
 * the host has it off for all links. If it is off for this link alone, that is the administrator's decision, and an
 * error.
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
    // The error below names the sysctl.
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
