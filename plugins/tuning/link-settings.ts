import type { UndoStack } from "../../shared/cni/undo-stack.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { type Link, setLink } from "../../shared/rtnetlink/link.ts";
import { adviseOnLink } from "./advice.ts";

/** Settings of an interface: the wanted ones, or those it had before. What is absent is left alone. */
export interface LinkSettings {
  readonly mac?: string;
  readonly promisc?: boolean;
  readonly mtu?: number;
  readonly allmulti?: boolean;
  readonly txQueueLength?: number;
}

/** The order in which settings are applied. */
const settingNames = ["mac", "promisc", "mtu", "allmulti", "txQueueLength"] as const;
/** MTU first: what fits the interface's other settings may depend on it. The Go plugin's order. */
const restoreOrder = ["mtu", "mac", "promisc", "allmulti", "txQueueLength"] as const;

/** What the interface has now for each of the wanted settings. */
export function currentSettings(link: Link, wanted: LinkSettings): LinkSettings {
  return {
    ...(wanted.mac !== undefined && link.mac !== "" && { mac: link.mac }),
    // Not the count of users: a capture that happens to run is not the interface's setting.
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
      throw adviseOnLink(error, name);
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
