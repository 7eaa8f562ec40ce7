import { lazy } from "../basics/lazy.ts";
import { EMSGSIZE, ENOBUFS } from "../linux/errno.ts";
import { call } from "../linux/libc.ts";
import { AF_NETLINK, MSG_DONTWAIT, MSG_TRUNC, socketCalls } from "../linux/socket.ts";

/** struct sockaddr_nl: family, padding, port, groups. */
export const sockaddrLength = 12;

/** Longer than any datagram of the kernel: dumps come in pieces of 32 kB, or of one object with its largest attribute. */
const bufferBytes = 128 * 1024;

/** More datagrams than the queue of a socket holds. The answer to a request is in it by the time that `send` returns. */
const mostForeign = 100_000;

/** One for all sockets of the process: what came is used up, or copied, before the next one. */
const place = lazy(() => {
  const sender = new Uint8Array(sockaddrLength);
  return {
    buffer: new Uint8Array(bufferBytes),
    sender,
    senderView: new DataView(sender.buffer),
    senderLength: new Uint8Array(4),
  };
});

/** The address of a port and of multicast groups (bits); port 0 is the kernel. */
export function socketAddress(port: number, groups = 0): Uint8Array {
  const address = new DataView(new ArrayBuffer(sockaddrLength));
  address.setUint16(0, AF_NETLINK, true);
  address.setUint32(4, port, true);
  address.setUint32(8, groups, true);
  return new Uint8Array(address.buffer);
}

/**
 * The next datagram on a netlink socket, if it is the kernel's: whoever has CAP_NET_ADMIN in the network namespace may
 * send to the same port, or to a multicast group, what looks like the kernel's.
 *
 * @param flags MSG_DONTWAIT or 0.
 * @returns the bytes, which the next call overwrites; undefined for somebody else's datagram; or a negated errno.
 */
export function receiveOnce(fd: number, flags: number): Uint8Array | undefined | number {
  const { buffer, sender, senderView, senderLength } = place();
  senderLength[0] = sockaddrLength;
  const size = call(socketCalls.recvfrom, fd, buffer, buffer.length, flags | MSG_TRUNC, sender, senderLength);
  if (size < 0) return size;
  if (senderLength[0] !== sockaddrLength || senderView.getUint32(4, true) !== 0) return undefined;
  return size > buffer.length ? -EMSGSIZE : buffer.subarray(0, size);
}

/**
 * The kernel's next datagram; those of others are thrown away.
 *
 * @param flags MSG_DONTWAIT or 0.
 * @returns the bytes, which the next call overwrites; or a negated errno, ENOBUFS when answers may have been lost.
 */
export function receiveFromKernel(fd: number, flags: number): Uint8Array | number {
  for (let foreign = 0; foreign < mostForeign; foreign++) {
    const received = receiveOnce(fd, flags);
    if (received !== undefined) return received;
  }
  return -ENOBUFS;
}

/** Throws away what a socket holds. */
export function drain(fd: number): void {
  for (let count = 0; count < mostForeign; count++) {
    const received = receiveOnce(fd, MSG_DONTWAIT);
    if (typeof received === "number") return;
  }
}
