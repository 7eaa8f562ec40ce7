import { readlinkSync } from "node:fs";
import { closeAtExit } from "../linux/background-close.ts";
import { NETLINK_NETFILTER, type NetlinkSocket, openNetlink } from "./client.ts";

const sockets = new Map<string, NetlinkSocket>();

/**
 * The process's socket for nf_tables and conntrack in the calling thread's network namespace, opened on first use. It
 * is not closed before the end of the process, and then in the background: that takes its time.
 *
 * @throws SystemError
 */
export function netfilterSocket(): NetlinkSocket {
  const namespace = readlinkSync("/proc/thread-self/ns/net");
  let socket = sockets.get(namespace);
  if (socket === undefined) {
    socket = openNetlink(NETLINK_NETFILTER);
    sockets.set(namespace, socket);
    closeAtExit(socket.fd);
  }
  return socket;
}
