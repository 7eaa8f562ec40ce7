import { openContainerNetns } from "../../shared/cni/container-netns.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import { inNetns } from "../../shared/linux/netns.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { formatMac, parseMac } from "../../shared/rtnetlink/hardware-address.ts";
import { findLink, type Link } from "../../shared/rtnetlink/link.ts";
import type { TuningSettings } from "./config.ts";
import type { LinkSettings } from "./link-settings.ts";
import { findSysctl, type SysctlSetting, sysctlSettings } from "./sysctl-settings.ts";
import { isSameValue } from "./sysctl-value.ts";

/** Compares the configured settings, and no others, with the kernel's. Throws CniError code 105. */
export function check(request: Request, { sysctls, link: wanted }: TuningSettings): void {
  const settings = sysctlSettings(sysctls, request.ifname);
  requirePrevResult(request, "tuning");
  const netns = openContainerNetns(request);
  try {
    inNetns(netns, () => {
      for (const setting of settings) checkSysctl(setting);
      checkLink(requireAttachedLink(request), wanted);
    });
  } finally {
    netns.close();
  }
}

function checkSysctl(setting: SysctlSetting): void {
  const { path, current, value } = findSysctl(setting);
  // ADD leaves a parameter alone for an empty value, and some cannot be read.
  if (value === "" || current === undefined || isSameValue(value, current)) return;
  throw mismatch(`value of /proc/sys/${path} is ${value}`, current);
}

function requireAttachedLink({ ifname, netns }: Request): Link {
  const rt = openRtnetlink();
  try {
    const link = findLink(rt, ifname);
    if (link !== undefined) return link;
    throw new CniError(
      ErrorCode.checkMismatch,
      `Cannot find container link ${ifname}`,
      `${netns} has no such interface any more: the container has to be attached anew`,
    );
  } finally {
    rt.close();
  }
}

/** Compares an interface with the wanted settings. Throws CniError code 105. */
function checkLink(link: Link, wanted: LinkSettings): void {
  const mac = parseMac(wanted.mac ?? "");
  if (mac !== undefined && formatMac(mac) !== link.mac) {
    throw mismatch(`Ethernet of ${link.name} is ${formatMac(mac)}`, link.mac);
  }
  const promisc = link.promiscuity > 0;
  const differences: [string, unknown, unknown][] = [
    ["promiscuous mode", wanted.promisc, promisc],
    ["MTU", wanted.mtu, link.mtu],
    ["all-multicast mode", wanted.allmulti, link.allmulti],
    ["Transmit Queue Length", wanted.txQueueLength, link.txQueueLength],
  ];
  for (const [name, configured, current] of differences) {
    if (configured !== undefined && configured !== current) {
      throw mismatch(`${name} of ${link.name} is ${configured}`, current);
    }
  }
}

function mismatch(configured: string, current: unknown): CniError {
  return new CniError(
    ErrorCode.checkMismatch,
    `Tuning configured ${configured}, current value is ${current}`,
    "somebody changed it after ADD",
  );
}
