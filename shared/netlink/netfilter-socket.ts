import { readlinkSync } from "node:fs";
import { NETLINK_NETFILTER, type NetlinkSocket, openNetlink } from "./client.ts";

const sockets = new Map<string, NetlinkSocket>();

/**
 * The process's socket for nf_tables and conntrack in the calling thread's network namespace, opened on first use. It
 * is never closed: that waits for an RCU grace period, 10 to 20 ms, where something was removed from nf_tables shortly
 * before, also by another process (nft_rcv_nl_event in net/netfilter/nf_tables_api.c).
 *
 * @throws SystemError
 */
export function netfilterSocket(): NetlinkSocket {
  const namespace = readlinkSync("/proc/thread-self/ns/net");
  let socket = sockets.get(namespace);
  if (socket === undefined) {
    socket = openNetlink(NETLINK_NETFILTER);
    sockets.set(namespace, socket);
  }
  return socket;
}

/** The descriptors of these sockets. Our exit closes them, unless a program holds them that takes longer. */
export function netfilterDescriptors(): number[] {
  return [...sockets.values()].map(({ fd }) => fd);
}
