import type { UndoStack } from "../../shared/cni/undo-stack.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { type Link, setLink } from "../../shared/rtnetlink/link.ts";
import { withAdvice } from "./advice.ts";

/** Settings of an interface, wanted or found. An absent one is not changed. */
export interface LinkSettings {
  readonly mac?: string;
  readonly promisc?: boolean;
  readonly mtu?: number;
  readonly allmulti?: boolean;
  readonly txQueueLength?: number;
}

/** The order in which settings are applied. */
const settingNames = ["mac", "promisc", "mtu", "allmulti", "txQueueLength"] as const;
/** The order in which settings are restored, as in the Go plugin: the MTU may limit the others. */
const restoreOrder = ["mtu", "mac", "promisc", "allmulti", "txQueueLength"] as const;

/** What to do when the kernel refuses a setting. */
const refusalAdvice: Readonly<Partial<Record<keyof LinkSettings, string>>> = {
  mac: "the device has to allow the address: no multicast address, and some drivers change it only while the device is down",
  mtu: 'outside what the device can do: "ip -d link" shows minmtu and maxmtu',
};
const otherRefusal = "the device does not support this";

/** The interface's present values of the settings that are wanted. */
export function currentSettings(link: Link, wanted: LinkSettings): LinkSettings {
  return {
    ...(wanted.mac !== undefined && link.mac !== "" && { mac: link.mac }),
    // Not the promiscuity count: a capture that happens to run raises it without changing the setting.
    ...(wanted.promisc !== undefined && { promisc: link.promisc }),
    ...(wanted.mtu !== undefined && { mtu: link.mtu }),
    ...(wanted.allmulti !== undefined && { allmulti: link.allmulti }),
    ...(wanted.txQueueLength !== undefined && { txQueueLength: link.txQueueLength }),
  };
}

export function isEmpty(settings: LinkSettings): boolean {
  return Object.keys(settings).length === 0;
}

/** Applies settings one by one, so that a refusal names the one concerned. Throws CniError. */
export function applySettings(rt: NetlinkSocket, link: Link, wanted: LinkSettings, undo: UndoStack): void {
  const before = currentSettings(link, wanted);
  for (const name of settingNames) {
    if (wanted[name] === undefined) continue;
    try {
      setLink(rt, link, { [name]: wanted[name] });
    } catch (error) {
      throw withAdvice(error, (_error, { details }) => refusalAdvice[name] ?? (details || otherRefusal));
    }
    if (before[name] !== undefined) undo.push(() => setLink(rt, link, { [name]: before[name] }));
  }
}

/** Steps that give the interface its saved settings back; each may throw SystemError. */
export function restoreSteps(rt: NetlinkSocket, link: Link, saved: LinkSettings): (() => void)[] {
  return restoreOrder
    .filter((name) => saved[name] !== undefined)
    .map((name) => () => setLink(rt, link, { [name]: saved[name] }));
}
