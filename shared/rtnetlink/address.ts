import { isErrno } from "../errors/system-error.ts";
import { bitLength, ipFromBytes, ipToBytes } from "../ip/address.ts";
import { formatPrefix, type IpPrefix, lastOf } from "../ip/prefix.ts";
import { AF_INET, AF_INET6 } from "../linux/socket.ts";
import { Attributes, ByteReader } from "../netlink/attribute-reader.ts";
import { AttributeWriter } from "../netlink/attribute-writer.ts";
import type { NetlinkSocket } from "../netlink/client.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "../netlink/constants.ts";
import { RTM_DELADDR, RTM_GETADDR, RTM_NEWADDR } from "./constants.ts";

// linux/rtnetlink.h
// linux/if_addr.h
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_FLAGS = 8;
const IFA_TARGET_NETNSID = 10;
export const IFA_F_NODAD = 0x02;
export const IFA_F_DADFAILED = 0x08;
export const IFA_F_TENTATIVE = 0x40;

export function addressFamily(family: 4 | 6): number {
  return family === 4 ? AF_INET : AF_INET6;
}

/** An address of a link. */
interface LinkAddress {
  readonly index: number;
  readonly prefix: IpPrefix;
  /** IFA_F_* bits. */
  readonly flags: number;
  /** 0 global, 253 link, 254 host. */
  readonly scope: number;
}

/**
 * Addresses in the socket's namespace, in the kernel's order.
 *
 * @throws SystemError, ENODEV when there is no link of this index.
 */
export function listAddresses(
  rt: NetlinkSocket,
  filter: { family?: 4 | 6; index?: number } = {},
): LinkAddress[] {
  const family = filter.family === undefined ? 0 : addressFamily(filter.family);
  const header = addressHeader(family, 0, 0, 0, filter.index ?? 0);
  return rt
    .dump("cannot list addresses", RTM_GETADDR, header)
    .map(({ body }) => decodeAddress(body))
    .filter((address) => address !== undefined)
    .filter(({ index }) => filter.index === undefined || index === filter.index);
}

/**
 * Addresses of one family in another namespace, which is not entered.
 *
 * @param netnsId its number in the socket's namespace (`Link.peerNetnsId`).
 * @returns undefined when the kernel cannot tell (before 4.20), or the caller may not know.
 * @throws SystemError
 */
export function listAddressesBeyond(
  rt: NetlinkSocket,
  netnsId: number,
  family: 4 | 6,
): LinkAddress[] | undefined {
  const header = addressHeader(addressFamily(family), 0, 0, 0, 0);
  const body = new AttributeWriter().raw(header).u32(IFA_TARGET_NETNSID, netnsId).finish();
  try {
    const messages = rt.dump("cannot list addresses of another namespace", RTM_GETADDR, body);
    // Older kernels pass over what they do not know, and tell the socket's own.
    const isMeant = messages.every(({ body: told }) => {
      const reader = new ByteReader(told);
      return new Attributes(reader.slice(8, reader.length)).i32(IFA_TARGET_NETNSID) === netnsId;
    });
    if (!isMeant) return undefined;
    return messages.map(({ body: told }) => decodeAddress(told)).filter((address) => address !== undefined);
  } catch (error) {
    if (isErrno(error, "EINVAL", "EACCES", "EPERM", "EOPNOTSUPP")) return undefined;
    throw error;
  }
}

function decodeAddress(body: Uint8Array): LinkAddress | undefined {
  const reader = new ByteReader(body);
  const attributes = new Attributes(reader.slice(8, reader.length));
  const bytes = attributes.bytes(IFA_LOCAL) ?? attributes.bytes(IFA_ADDRESS);
  const address = bytes === undefined ? undefined : ipFromBytes(bytes);
  if (address === undefined) return undefined;
  return {
    index: reader.u32(4),
    prefix: { address, prefixLength: reader.u8(1) },
    flags: attributes.u32(IFA_FLAGS) ?? reader.u8(2),
    scope: reader.u8(3),
  };
}

/**
 * Adds an address. IPv4 networks of /30 and larger get a broadcast address.
 *
 * @param flags IFA_F_NODAD or 0.
 * @returns false when the link has it already.
 * @throws SystemError
 */
export function addAddress(
  rt: NetlinkSocket,
  link: { index: number; name: string },
  prefix: IpPrefix,
  flags = 0,
): boolean {
  const { family } = prefix.address;
  const body = addressBody(link.index, prefix);
  if (family === 4 && prefix.prefixLength <= bitLength(4) - 2) {
    body.bytes(IFA_BROADCAST, ipToBytes(lastOf(prefix)));
  }
  if (flags !== 0) body.u32(IFA_FLAGS, flags);
  try {
    const operation = `failed to add IP addr ${formatPrefix(prefix)} to "${link.name}"`;
    rt.request(operation, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, body.finish());
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    throw error;
  }
}

/** Removes an address; nothing happens when the link has it no more. Throws SystemError. */
export function deleteAddress(
  rt: NetlinkSocket,
  link: { index: number; name: string },
  prefix: IpPrefix,
): void {
  const operation = `could not remove IP address ${formatPrefix(prefix)} from "${link.name}"`;
  try {
    rt.request(operation, RTM_DELADDR, 0, addressBody(link.index, prefix).finish());
  } catch (error) {
    if (!isErrno(error, "EADDRNOTAVAIL", "ENODEV")) throw error;
  }
}

function addressBody(index: number, prefix: IpPrefix): AttributeWriter {
  const { address, prefixLength } = prefix;
  const bytes = ipToBytes(address);
  return new AttributeWriter()
    .raw(addressHeader(addressFamily(address.family), prefixLength, 0, 0, index))
    .bytes(IFA_LOCAL, bytes)
    .bytes(IFA_ADDRESS, bytes);
}

/** struct ifaddrmsg (linux/if_addr.h). */
function addressHeader(
  family: number,
  prefixLength: number,
  flags: number,
  scope: number,
  index: number,
): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint8(0, family);
  view.setUint8(1, prefixLength);
  view.setUint8(2, flags);
  view.setUint8(3, scope);
  view.setUint32(4, index, true);
  return new Uint8Array(view.buffer);
}
