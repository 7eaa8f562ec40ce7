import { closeSync } from "node:fs";
import { SystemError } from "../errors/system-error.ts";
import { call } from "../linux/libc.ts";
import { monotonicNow } from "../linux/wait.ts";
import { openNetlink } from "./client.ts";

const AF_NETLINK = 16;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20; // asm-generic/socket.h
const EAGAIN = 11;
const ENOBUFS = 105;

const bind = "int bind(int fd, void *address, uint32_t length)";
const setsockopt = "int setsockopt(int fd, int level, int name, void *value, uint32_t length)";
const recv = "ssize_t recv(int fd, void *buffer, size_t length, int flags)";

/** Hears of changes in the network namespace in which it was opened. */
export class NetlinkMonitor {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(8192);

  constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Waits until `done` says so; it is asked at once and after every change of the kinds subscribed to.
   *
   * @returns false when it had not become true in time.
   */
  waitUntil(done: () => boolean, timeoutMilliseconds: number): boolean {
    const deadline = monotonicNow() + timeoutMilliseconds;
    for (;;) {
      if (done()) return true;
      const left = deadline - monotonicNow();
      if (left <= 0) return false;
      this.#receive(left);
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  #receive(milliseconds: number): void {
    // struct timeval; zero would mean no limit.
    const microseconds = Math.max(1000, Math.round(milliseconds * 1000));
    const timeout = new BigInt64Array([BigInt(Math.floor(microseconds / 1e6)), BigInt(microseconds % 1e6)]);
    call(setsockopt, this.#fd, SOL_SOCKET, SO_RCVTIMEO, new Uint8Array(timeout.buffer), 16);
    const received = call(recv, this.#fd, this.#buffer, this.#buffer.length, 0);
    // More changes than fit: the state is asked for anyway.
    if (received >= 0 || received === -EAGAIN || received === -ENOBUFS) return;
    throw new SystemError("cannot wait for a netlink notification", received);
  }
}

/**
 * Subscribes to changes in the calling thread's network namespace.
 *
 * @param groups bits of the protocol's multicast groups, RTMGRP_* for rtnetlink.
 * @throws SystemError
 */
export function openMonitor(protocol: number, groups: number): NetlinkMonitor {
  const socket = openNetlink(protocol);
  // struct sockaddr_nl (linux/netlink.h)
  const address = new DataView(new ArrayBuffer(12));
  address.setUint16(0, AF_NETLINK, true);
  address.setUint32(8, groups, true);
  const outcome = call(bind, socket.fd, new Uint8Array(address.buffer), 12);
  if (outcome < 0) {
    socket.close();
    throw new SystemError("cannot subscribe to netlink notifications", outcome);
  }
  return new NetlinkMonitor(socket.fd);
}
