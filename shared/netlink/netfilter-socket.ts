import { readlinkSync } from "node:fs";
import { closeAtExit } from "../linux/background-close.ts";
import { type NetlinkSocket, openNetlink } from "./client.ts";
import { NETLINK_NETFILTER } from "./constants.ts";

const sockets = new Map<string, NetlinkSocket>();

/**
 * The process's socket for nf_tables and conntrack in the calling thread's network namespace, opened on first use. It
 * is not closed before the end of the process, and then in the background: that takes its time.
 *
 * @throws SystemError
 */
export function netfilterSocket(): NetlinkSocket {
  return socketCalled("first");
}

/**
 * Another such socket, for requests while a dump is under way on the first.
 *
 * @throws SystemError
 */
export function secondNetfilterSocket(): NetlinkSocket {
  return socketCalled("second");
}

function socketCalled(which: string): NetlinkSocket {
  const key = `${which} of ${readlinkSync("/proc/thread-self/ns/net")}`;
  let socket = sockets.get(key);
  if (socket === undefined) {
    socket = openNetlink(NETLINK_NETFILTER);
    sockets.set(key, socket);
    closeAtExit(socket.fd);
  }
  return socket;
}
