import { isErrno } from "../errors/system-error.ts";
import { type IpAddress, sameIp } from "../ip/address.ts";
import { AF_INET, AF_INET6, AF_UNSPEC } from "../linux/socket.ts";
import { Attributes } from "../netlink/attribute-reader.ts";
import { AttributeWriter } from "../netlink/attribute-writer.ts";
import type { NetlinkSocket } from "../netlink/client.ts";
import { nfgenmsgLength } from "../netlink/constants.ts";
import { bodyStart, type MessagePlace } from "../netlink/message.ts";
import { netfilterSocket, secondNetfilterSocket } from "../netlink/netfilter-socket.ts";
import {
  addressTest,
  type ConntrackEntry,
  decodeEntry,
  type EntryFilter,
  encodeFilter,
  encodeKey,
} from "./entry.ts";

// linux/netfilter/nfnetlink.h, nfnetlink_conntrack.h
const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_GET = (NFNL_SUBSYS_CTNETLINK << 8) | 1;
const IPCTNL_MSG_CT_DELETE = (NFNL_SUBSYS_CTNETLINK << 8) | 2;
const IPCTNL_MSG_CT_GET_STATS = (NFNL_SUBSYS_CTNETLINK << 8) | 5;
const CTA_STATS_GLOBAL_ENTRIES = 1;

/**
 * Tells of the tracked connections of one family that pass one of the filters, each as it comes: there may be more than
 * fit into memory. The kernel leaves out what it can. A kernel that cannot tell its connections (CONFIG_NF_CT_NETLINK)
 * has none.
 *
 * @param take is told of a connection; once more when the kernel repeats itself.
 * @throws SystemError
 */
export function eachEntry(
  socket: NetlinkSocket,
  family: 4 | 6,
  { query, filters }: Dump,
  take: (entry: ConntrackEntry) => void,
): void {
  const body = filteredBody(family, encodeFilter(kernelFilter(query)));
  const mayPass = addressTest(filters);
  const takeMessage = (message: MessagePlace): void => {
    const { bytes } = message.reader;
    const start = bodyStart(message) + nfgenmsgLength;
    const entry = mayPass(bytes, start, message.end)
      ? decodeEntry(bytes.subarray(start, message.end))
      : undefined;
    if (entry !== undefined && filters.some((filter) => passes(entry, filter))) take(entry);
  };
  try {
    socket.dumpEach("cannot list tracked connections", IPCTNL_MSG_CT_GET, body, takeMessage);
  } catch (error) {
    if (!isErrno(error, "EINVAL", "EOPNOTSUPP", "EPROTONOSUPPORT")) throw error;
  }
}

/**
 * The filter for the kernel, without addresses of IPv6: its filter is inverted for them and drops the matches
 * (ctnetlink_filter_match_tuple in net/netfilter/nf_conntrack_netlink.c). `passes` compares them here.
 */
function kernelFilter({ source, answeredBy, ...others }: EntryFilter): EntryFilter {
  return {
    ...others,
    ...(source?.family === 4 && { source }),
    ...(answeredBy?.family === 4 && { answeredBy }),
  };
}

function passes({ protocol, original, reply }: ConntrackEntry, filter: EntryFilter): boolean {
  return (
    (filter.protocol === undefined || protocol === filter.protocol) &&
    (filter.destinationPort === undefined || original.destinationPort === filter.destinationPort) &&
    (filter.source === undefined || sameIp(original.source, filter.source)) &&
    (filter.answeredBy === undefined || sameIp(reply.source, filter.answeredBy)) &&
    (filter.answeredFromPort === undefined || reply.sourcePort === filter.answeredFromPort)
  );
}

/**
 * Forgets every connection that an address has made or answers, so that its next owner starts afresh and packets to
 * the last one are not translated any more.
 *
 * @throws SystemError
 */
export function forgetConnectionsOf(addresses: readonly IpAddress[]): void {
  for (const family of [4, 6] as const) {
    const ofFamily = addresses.filter((address) => address.family === family);
    forgetConnections(
      family,
      ofFamily.flatMap((address) => [{ source: address }, { answeredBy: address }]),
    );
  }
}

/** With more ports, one dump of a protocol's connections costs less than one for each port. */
const maxDumps = 8;

/** With more filters, dumps cost less than having the kernel go through its table for each. */
const maxFlushes = 16;

/** Few enough that the kernel's answers fit into a socket, and that nothing is held. */
const deletionsAtOnce = 64;

/**
 * Forgets the connections of one family that pass at least one filter. No filter may be empty.
 *
 * A dump goes through the whole table under its locks: 11 ms of the kernel's time however few connections there are.
 * So the kernel is asked to forget them itself where it can, and otherwise there are as few dumps as possible, and none
 * in a namespace without connections.
 *
 * @throws SystemError
 */
export function forgetConnections(family: 4 | 6, filters: readonly EntryFilter[]): void {
  if (filters.length === 0) return;
  const socket = netfilterSocket();
  const others =
    filters.length > maxFlushes ? filters : filters.filter((filter) => !flush(socket, family, filter));
  forgetMeant(family, others, () => true);
}

/**
 * The same for those connections of which more is to be said than a filter can.
 *
 * @throws SystemError
 */
export function forgetMeant(
  family: 4 | 6,
  filters: readonly EntryFilter[],
  isMeant: (entry: ConntrackEntry) => boolean,
): void {
  const socket = netfilterSocket();
  if (filters.length === 0 || !hasEntries(socket)) return;
  let keys: Uint8Array[] = [];
  for (const dump of dumpsFor(filters)) {
    eachEntry(socket, family, dump, (entry) => {
      if (!isMeant(entry)) return;
      keys.push(keyBody(family, entry));
      if (keys.length < deletionsAtOnce) return;
      // The dump goes on meanwhile.
      deleteKeys(secondNetfilterSocket(), keys);
      keys = [];
    });
  }
  deleteKeys(socket, keys);
}

/** Forgets connections; those that have ended already do not matter. */
function deleteKeys(socket: NetlinkSocket, keys: readonly Uint8Array[]): void {
  socket.requestAll("cannot delete tracked connections", IPCTNL_MSG_CT_DELETE, keys, ["ENOENT"]);
}

/** What the kernel finds exactly this connection by. */
function keyBody(family: 4 | 6, { key }: ConntrackEntry): Uint8Array {
  return new AttributeWriter().raw(header(family)).raw(encodeKey(key)).finish();
}

/** A request for some connections, and the filters that it is for. */
interface Dump {
  readonly query: EntryFilter;
  readonly filters: EntryFilter[];
}

/** Few dumps that together hold all connections which pass the filters. */
function dumpsFor(filters: readonly EntryFilter[]): Dump[] {
  const exact = grouped(filters, kernelFilter);
  if (exact.length <= maxDumps) return exact;
  return grouped(filters, ({ protocol }) => (protocol === undefined ? {} : { protocol }));
}

function grouped(filters: readonly EntryFilter[], queryOf: (filter: EntryFilter) => EntryFilter): Dump[] {
  const dumps = new Map<string, Dump>();
  for (const filter of filters) {
    const query = queryOf(filter);
    const key = Buffer.from(encodeFilter(query)).toString("hex");
    const dump = dumps.get(key);
    if (dump === undefined) dumps.set(key, { query, filters: [filter] });
    else dump.filters.push(filter);
  }
  return [...dumps.values()];
}

/**
 * Has the kernel forget the connections that pass the filter, which takes it half a millisecond. Kernels before 6.8
 * cannot (they take the filter for one connection's incomplete tuple: EINVAL), nor can any by an address of IPv6.
 *
 * @returns whether it is done.
 */
function flush(socket: NetlinkSocket, family: 4 | 6, filter: EntryFilter): boolean {
  const isRight = [filter.source, filter.answeredBy].every((address) => address?.family !== 6);
  const attributes = encodeFilter(filter);
  // Without a filter everything would go.
  if (!isRight || attributes.length === 0) return false;
  try {
    const body = filteredBody(family, attributes);
    socket.request("cannot delete tracked connections", IPCTNL_MSG_CT_DELETE, 0, body);
    return true;
  } catch (error) {
    if (isErrno(error, "EINVAL", "EOPNOTSUPP", "ENOENT", "EPROTONOSUPPORT")) return false;
    throw error;
  }
}

/** Whether the namespace has any connection at all; true when the kernel does not say. */
function hasEntries(socket: NetlinkSocket): boolean {
  try {
    const body = Uint8Array.of(AF_UNSPEC, 0, 0, 0);
    const [message] = socket.request("cannot count connections", IPCTNL_MSG_CT_GET_STATS, 0, body);
    if (message === undefined) return true;
    const attributes = new Attributes(message.body.subarray(nfgenmsgLength));
    return attributes.u32be(CTA_STATS_GLOBAL_ENTRIES) !== 0;
  } catch {
    return true;
  }
}

function filteredBody(family: 4 | 6, filter: Uint8Array): Uint8Array {
  return new AttributeWriter().raw(header(family)).raw(filter).finish();
}

/** struct nfgenmsg: family, version 0, resource 0. */
function header(family: 4 | 6): Uint8Array {
  return Uint8Array.of(family === 4 ? AF_INET : AF_INET6, 0, 0, 0);
}
