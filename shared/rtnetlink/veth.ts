import { AttributeWriter } from "../netlink/attribute-writer.ts";
import type { NetlinkSocket } from "../netlink/client.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "../netlink/constants.ts";
import {
  IFLA_ADDRESS,
  IFLA_GROUP,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  IFLA_MTU,
  IFLA_NET_NS_FD,
  IFLA_TXQLEN,
  RTM_NEWLINK,
} from "./constants.ts";
import { linkHeader, requireMac } from "./link.ts";

const VETH_INFO_PEER = 1; // linux/veth.h

/** A pair of virtual Ethernet devices, to be created in the socket's namespace with the peer in another. */
interface VethPair {
  readonly name: string;
  readonly mac?: string;
  /** For both ends; 0 leaves the kernel's default. */
  readonly mtu: number;
  readonly peerName: string;
  /** File descriptor of the namespace for the peer. */
  readonly peerNetns: number;
  /** The peer's group. Default: 0. */
  readonly peerGroup?: number;
}

/** Creates the pair, both ends down. Throws SystemError, EEXIST when either name is taken. */
export function createVethPair(rt: NetlinkSocket, pair: VethPair): void {
  const body = new AttributeWriter().raw(linkHeader(0)).text(IFLA_IFNAME, pair.name);
  if (pair.mtu > 0) body.u32(IFLA_MTU, pair.mtu);
  if (pair.mac !== undefined) body.bytes(IFLA_ADDRESS, requireMac(pair.mac).subarray(0, 6));
  body.nested(IFLA_LINKINFO, (info) => {
    info.text(IFLA_INFO_KIND, "veth").nested(IFLA_INFO_DATA, (data) => {
      data.nested(VETH_INFO_PEER, (peer) => {
        peer.raw(linkHeader(0)).text(IFLA_IFNAME, pair.peerName);
        if (pair.mtu > 0) peer.u32(IFLA_MTU, pair.mtu);
        if (pair.peerGroup !== undefined) peer.u32(IFLA_GROUP, pair.peerGroup);
        // The host end needs no queue: the bridge hands frames over at once.
        peer.u32(IFLA_TXQLEN, 0).u32(IFLA_NET_NS_FD, pair.peerNetns);
      });
    });
  });
  rt.request(
    `failed to make veth pair "${pair.name}"`,
    RTM_NEWLINK,
    NLM_F_CREATE | NLM_F_EXCL,
    body.finish(),
  );
}
