import { isErrno } from "../errors/system-error.ts";
import { type IpAddress, sameIp } from "../ip/address.ts";
import { ByteReader } from "../netlink/attribute-reader.ts";
import { AttributeWriter } from "../netlink/attribute-writer.ts";
import { NETLINK_NETFILTER, type NetlinkSocket, openNetlink } from "../netlink/client.ts";
import { type ConntrackEntry, type DumpFilter, decodeEntry, encodeFilter, encodeKey } from "./entry.ts";

// linux/netfilter/nfnetlink.h, nfnetlink_conntrack.h
const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_GET = (NFNL_SUBSYS_CTNETLINK << 8) | 1;
const IPCTNL_MSG_CT_DELETE = (NFNL_SUBSYS_CTNETLINK << 8) | 2;
const nfgenmsgLength = 4;
const AF_INET = 2;
const AF_INET6 = 10;

/** Opens a conntrack socket in the calling thread's network namespace. Throws SystemError. */
export function openConntrack(): NetlinkSocket {
  return openNetlink(NETLINK_NETFILTER);
}

/**
 * The tracked connections of one family that pass the filter.
 * A kernel that cannot tell its connections (CONFIG_NF_CT_NETLINK) has none.
 *
 * @throws SystemError
 */
export function listEntries(socket: NetlinkSocket, family: 4 | 6, filter: DumpFilter): ConntrackEntry[] {
  const body = new AttributeWriter()
    .raw(header(family))
    .raw(encodeFilter(kernelFilter(filter)))
    .finish();
  try {
    return socket
      .dump("cannot list tracked connections", IPCTNL_MSG_CT_GET, body)
      .map((message) => {
        const reader = new ByteReader(message.body);
        return decodeEntry(reader.slice(nfgenmsgLength, reader.length));
      })
      .filter((entry) => entry !== undefined)
      .filter((entry) => passes(entry, filter));
  } catch (error) {
    if (isErrno(error, "EINVAL", "EOPNOTSUPP", "EPROTONOSUPPORT")) return [];
    throw error;
  }
}

/**
 * Addresses of IPv6 are left out: the kernel compares them the wrong way round and leaves out what was asked for
 * (ctnetlink_filter_match_tuple in net/netfilter/nf_conntrack_netlink.c). `passes` looks at them.
 */
function kernelFilter({ source, answeredBy, ...others }: DumpFilter): DumpFilter {
  return {
    ...others,
    ...(source?.family === 4 && { source }),
    ...(answeredBy?.family === 4 && { answeredBy }),
  };
}

function passes({ protocol, original, reply }: ConntrackEntry, filter: DumpFilter): boolean {
  return (
    (filter.protocol === undefined || protocol === filter.protocol) &&
    (filter.destinationPort === undefined || original.destinationPort === filter.destinationPort) &&
    (filter.source === undefined || sameIp(original.source, filter.source)) &&
    (filter.answeredBy === undefined || sameIp(reply.source, filter.answeredBy))
  );
}

/** Forgets a connection; nothing happens when it has ended already. Throws SystemError. */
export function deleteEntry(socket: NetlinkSocket, entry: ConntrackEntry): void {
  const family = entry.original.destination.family;
  const body = new AttributeWriter().raw(header(family)).raw(encodeKey(entry.key)).finish();
  try {
    socket.request("cannot delete a tracked connection", IPCTNL_MSG_CT_DELETE, 0, body);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}

/**
 * Forgets every connection that an address has made or answers, so that its next owner starts afresh and packets to
 * the last one are not translated any more.
 *
 * @throws SystemError
 */
export function forgetConnectionsOf(addresses: readonly IpAddress[]): void {
  if (addresses.length === 0) return;
  const socket = openConntrack();
  try {
    for (const address of addresses) {
      for (const filter of [{ source: address }, { answeredBy: address }]) {
        for (const entry of listEntries(socket, address.family, filter)) deleteEntry(socket, entry);
      }
    }
  } finally {
    socket.close();
  }
}

/** struct nfgenmsg: family, version 0, resource 0. */
function header(family: 4 | 6): Uint8Array {
  return Uint8Array.of(family === 4 ? AF_INET : AF_INET6, 0, 0, 0);
}
