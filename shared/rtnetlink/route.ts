import { isErrno } from "../errors/system-error.ts";
import { bitLength, formatIp, type IpAddress, ipFromBytes, ipToBytes } from "../ip/address.ts";
import { formatPrefix, type IpPrefix } from "../ip/prefix.ts";
import { AF_INET } from "../linux/socket.ts";
import { Attributes, ByteReader } from "../netlink/attribute-reader.ts";
import { AttributeWriter } from "../netlink/attribute-writer.ts";
import type { NetlinkSocket } from "../netlink/client.ts";
import { NLM_F_CREATE, RTN_LOCAL } from "../netlink/constants.ts";
import { addressFamily } from "./address.ts";
import { RTM_GETROUTE, RTM_NEWROUTE } from "./constants.ts";

// linux/rtnetlink.h
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_METRICS = 8;
const RTA_TABLE = 15;
const RTAX_MTU = 2;
const RTAX_ADVMSS = 8;
const RT_TABLE_COMPAT = 252;
export const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RTN_UNICAST = 1;
const RTN_BROADCAST = 3;
const RTN_MULTICAST = 5;

/** Types of routes by which packets arrive somewhere, unlike blackholes and the like. */
const deliveringTypes = [RTN_UNICAST, RTN_LOCAL, RTN_BROADCAST, RTN_MULTICAST];

/** A unicast route. */
export interface KernelRoute {
  readonly dst: IpPrefix;
  readonly gateway?: IpAddress;
  /** Index of the link packets leave by. */
  readonly oif?: number;
  /** Metric; the lowest is preferred. */
  readonly priority?: number;
  readonly table: number;
  readonly scope: number;
  readonly mtu?: number;
  readonly advmss?: number;
}

/** Adds a route through a link, before routes of the same metric. Throws SystemError. */
export function addRoute(rt: NetlinkSocket, link: { index: number; name: string }, route: KernelRoute): void {
  const { dst, gateway, priority, table, scope, mtu, advmss } = route;
  const body = new AttributeWriter().raw(
    routeHeader({
      family: addressFamily(dst.address.family),
      dstLength: dst.prefixLength,
      table: table < 256 ? table : RT_TABLE_COMPAT,
      protocol: RTPROT_BOOT,
      scope,
      type: RTN_UNICAST,
    }),
  );
  if (dst.prefixLength > 0) body.bytes(RTA_DST, ipToBytes(dst.address));
  if (gateway !== undefined) body.bytes(RTA_GATEWAY, ipToBytes(gateway));
  body.u32(RTA_OIF, link.index).u32(RTA_TABLE, table);
  if (priority !== undefined && priority > 0) body.u32(RTA_PRIORITY, priority);
  if ((mtu ?? 0) > 0 || (advmss ?? 0) > 0) {
    body.nested(RTA_METRICS, (metrics) => {
      if (mtu !== undefined && mtu > 0) metrics.u32(RTAX_MTU, mtu);
      if (advmss !== undefined && advmss > 0) metrics.u32(RTAX_ADVMSS, advmss);
    });
  }
  const via = gateway === undefined ? "" : ` via ${formatIp(gateway)}`;
  rt.request(
    `failed to add route ${formatPrefix(dst)}${via} dev "${link.name}"`,
    RTM_NEWROUTE,
    NLM_F_CREATE,
    body.finish(),
  );
}

/** The routes of a family in all tables of the socket's namespace. Throws SystemError. */
export function listRoutes(rt: NetlinkSocket, family: 4 | 6): KernelRoute[] {
  return rt
    .dump("cannot list routes", RTM_GETROUTE, routeHeader({ family: addressFamily(family) }))
    .map(({ body }) => decodeRoute(body, [RTN_UNICAST]))
    .filter((route) => route !== undefined);
}

/** How a packet to this address would leave; undefined when it could not. Throws SystemError. */
export function lookupRoute(rt: NetlinkSocket, address: IpAddress): KernelRoute | undefined {
  const length = bitLength(address.family);
  const header = routeHeader({ family: addressFamily(address.family), dstLength: length });
  const body = new AttributeWriter().raw(header).bytes(RTA_DST, ipToBytes(address)).finish();
  try {
    const [message] = rt.request(`cannot look up the route to ${formatIp(address)}`, RTM_GETROUTE, 0, body);
    return message === undefined ? undefined : decodeRoute(message.body, deliveringTypes);
  } catch (error) {
    if (isErrno(error, "ENETUNREACH", "EHOSTUNREACH", "EINVAL", "EACCES")) return undefined;
    throw error;
  }
}

/** Undefined when the route is of another type than these. */
function decodeRoute(body: Uint8Array, types: readonly number[]): KernelRoute | undefined {
  const reader = new ByteReader(body);
  const family = reader.u8(0) === AF_INET ? 4 : 6;
  const attributes = new Attributes(reader.slice(12, reader.length));
  const dstBytes = attributes.bytes(RTA_DST);
  const address = dstBytes === undefined ? ({ family, value: 0n } as const) : ipFromBytes(dstBytes);
  if (address === undefined || !types.includes(reader.u8(7))) return undefined;
  const gatewayBytes = attributes.bytes(RTA_GATEWAY);
  const gateway = gatewayBytes === undefined ? undefined : ipFromBytes(gatewayBytes);
  const oif = attributes.u32(RTA_OIF);
  const priority = attributes.u32(RTA_PRIORITY);
  const metrics = attributes.nested(RTA_METRICS);
  const mtu = metrics?.u32(RTAX_MTU);
  const advmss = metrics?.u32(RTAX_ADVMSS);
  return {
    dst: { address, prefixLength: reader.u8(1) },
    table: attributes.u32(RTA_TABLE) ?? reader.u8(4),
    scope: reader.u8(6),
    ...(gateway === undefined ? {} : { gateway }),
    ...(oif === undefined ? {} : { oif }),
    ...(priority === undefined ? {} : { priority }),
    ...(mtu === undefined ? {} : { mtu }),
    ...(advmss === undefined ? {} : { advmss }),
  };
}

interface RouteHeader {
  readonly family: number;
  readonly dstLength?: number;
  readonly table?: number;
  readonly protocol?: number;
  readonly scope?: number;
  readonly type?: number;
}

/** struct rtmsg (linux/rtnetlink.h). */
function routeHeader(header: RouteHeader): Uint8Array {
  const { family, dstLength = 0, table = 0, protocol = 0, scope = 0, type = 0 } = header;
  return Uint8Array.of(family, dstLength, 0, 0, table, protocol, scope, type, 0, 0, 0, 0);
}
