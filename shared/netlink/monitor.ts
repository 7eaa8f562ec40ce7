import { closeSync } from "node:fs";
import { SystemError } from "../errors/system-error.ts";
import { EAGAIN, ENOBUFS } from "../linux/errno.ts";
import { call } from "../linux/libc.ts";
import { SO_RCVTIMEO, SOL_SOCKET, socketCalls, timeval } from "../linux/socket.ts";
import { monotonicNow } from "../linux/wait.ts";
import { openGroups } from "./client.ts";
import { receiveOnce } from "./receive.ts";

/** How long somebody else's messages, which may crowd out the kernel's, keep from looking. */
const crowdedMilliseconds = 20;

/** Hears of changes in the network namespace in which it was opened. */
export class NetlinkMonitor {
  readonly #fd: number;

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
      this.#listen(deadline);
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Waits for something of the kernel's. */
  #listen(deadline: number): void {
    let end = deadline;
    for (;;) {
      const left = end - monotonicNow();
      if (left <= 0) return;
      this.#limit(left);
      const received = receiveOnce(this.#fd, 0);
      if (received === undefined) {
        end = Math.min(end, monotonicNow() + crowdedMilliseconds);
        continue;
      }
      // More changes than fit: the state is asked for anyway.
      if (typeof received !== "number" || received === -EAGAIN || received === -ENOBUFS) return;
      throw new SystemError("cannot wait for a netlink notification", received);
    }
  }

  #limit(milliseconds: number): void {
    const timeout = timeval(Math.max(1000, Math.round(milliseconds * 1000)));
    call(socketCalls.setsockopt, this.#fd, SOL_SOCKET, SO_RCVTIMEO, timeout, timeout.length);
  }
}

/**
 * Subscribes to changes in the calling thread's network namespace.
 *
 * @param groups bits of the protocol's multicast groups, RTMGRP_* for rtnetlink.
 * @throws SystemError
 */
export function openMonitor(protocol: number, groups: number): NetlinkMonitor {
  return new NetlinkMonitor(openGroups(protocol, groups));
}
