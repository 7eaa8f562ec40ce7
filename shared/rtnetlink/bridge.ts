import { isErrno } from "../errors/system-error.ts";
import { AF_BRIDGE } from "../linux/socket.ts";
import { AttributeWriter } from "../netlink/attribute-writer.ts";
import type { NetlinkSocket } from "../netlink/client.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "../netlink/constants.ts";
import {
  IFLA_ADDRESS,
  IFLA_BR_MULTI_BOOLOPT,
  IFLA_BR_VLAN_FILTERING,
  IFLA_BRPORT_ISOLATED,
  IFLA_BRPORT_MODE,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  IFLA_MTU,
  IFLA_PROTINFO,
  RTM_NEWLINK,
  RTM_SETLINK,
} from "./constants.ts";
import { BR_BOOLOPT_NO_LL_LEARN, linkHeader } from "./link.ts";

interface NewBridge {
  readonly name: string;
  /** 0 leaves the kernel's default. */
  readonly mtu: number;
  /** Without it the kernel gives the bridge one, and another with each port that comes or goes. */
  readonly mac?: Uint8Array;
  /** Keeps frames apart by VLAN (needs CONFIG_BRIDGE_VLAN_FILTERING). */
  readonly vlanFiltering?: boolean;
  /** See BridgeSettings. */
  readonly noLinkLocalLearn?: boolean;
}

/** struct br_boolopt_multi (linux/if_bridge.h): values, then a mask of those that are meant. */
const noLearning = new Uint8Array(new Uint32Array([BR_BOOLOPT_NO_LL_LEARN, BR_BOOLOPT_NO_LL_LEARN]).buffer);

/** Creates a bridge. Returns false when a link of this name exists already. Throws SystemError. */
export function createBridge(rt: NetlinkSocket, bridge: NewBridge): boolean {
  const { name, mtu, mac, vlanFiltering = false, noLinkLocalLearn = false } = bridge;
  const body = new AttributeWriter().raw(linkHeader(0)).text(IFLA_IFNAME, name);
  if (mac !== undefined) body.bytes(IFLA_ADDRESS, mac);
  if (mtu > 0) body.u32(IFLA_MTU, mtu);
  body.nested(IFLA_LINKINFO, (info) => {
    info.text(IFLA_INFO_KIND, "bridge");
    if (!vlanFiltering && !noLinkLocalLearn) return;
    info.nested(IFLA_INFO_DATA, (data) => {
      if (vlanFiltering) data.u8(IFLA_BR_VLAN_FILTERING, 1);
      if (noLinkLocalLearn) data.bytes(IFLA_BR_MULTI_BOOLOPT, noLearning);
    });
  });
  try {
    rt.request(`could not add "${name}"`, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body.finish());
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    throw error;
  }
}

/**
 * Has a bridge learn no MACs from link-local frames, which no rule of nf_tables sees before. Kernels before 5.0 do not
 * know the option and pass over it: look at the link afterwards. Throws SystemError.
 */
export function setNoLinkLocalLearn(rt: NetlinkSocket, bridge: { index: number; name: string }): void {
  const body = new AttributeWriter().raw(linkHeader(bridge.index)).nested(IFLA_LINKINFO, (info) => {
    info.text(IFLA_INFO_KIND, "bridge");
    info.nested(IFLA_INFO_DATA, (data) => data.bytes(IFLA_BR_MULTI_BOOLOPT, noLearning));
  });
  rt.request(`failed to set no_linklocal_learn of bridge "${bridge.name}"`, RTM_NEWLINK, 0, body.finish());
}

/** What a bridge does with the frames of one port. */
interface PortSettings {
  /** Frames may leave by the port on which they came in. */
  readonly hairpin?: boolean;
  /** No frames to other isolated ports. */
  readonly isolated?: boolean;
}

/** Sets attributes of a bridge port. Throws SystemError. */
export function setBridgePort(
  rt: NetlinkSocket,
  port: { index: number; name: string },
  settings: PortSettings,
): void {
  const body = new AttributeWriter().raw(linkHeader(port.index, 0, 0, AF_BRIDGE));
  body.nested(IFLA_PROTINFO, (info) => {
    if (settings.hairpin !== undefined) info.u8(IFLA_BRPORT_MODE, settings.hairpin ? 1 : 0);
    if (settings.isolated !== undefined) info.u8(IFLA_BRPORT_ISOLATED, settings.isolated ? 1 : 0);
  });
  const names = Object.keys(settings).join(" and ");
  rt.request(`failed to set ${names} of bridge port "${port.name}"`, RTM_SETLINK, 0, body.finish());
}
