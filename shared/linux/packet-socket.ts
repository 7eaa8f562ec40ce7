import { closeSync } from "node:fs";
import { SystemError } from "../errors/system-error.ts";
import { call } from "./libc.ts";

// sys/socket.h, linux/if_packet.h
const AF_PACKET = 17;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;

const socket = "int socket(int domain, int type, int protocol)";
const sendto =
  "ssize_t sendto(int fd, void *buffer, size_t length, int flags, void *address, uint32_t addressLength)";

/**
 * Sends Ethernet frames out of a link of the calling thread's network namespace.
 *
 * @param index of the link.
 * @param frames whole, from the destination's hardware address on.
 * @throws SystemError
 */
export function sendFrames(index: number, frames: readonly Uint8Array[]): void {
  // Protocol 0: nothing is received.
  const fd = call(socket, AF_PACKET, SOCK_RAW_CLOEXEC, 0);
  if (fd < 0) throw new SystemError("cannot open a packet socket", fd);
  try {
    // struct sockaddr_ll; the destination is in the frame.
    const address = new DataView(new ArrayBuffer(20));
    address.setUint16(0, AF_PACKET, true);
    address.setInt32(4, index, true);
    for (const frame of frames) {
      const sent = call(sendto, fd, frame, frame.length, 0, new Uint8Array(address.buffer), 20);
      if (sent < 0) throw new SystemError("cannot send a frame", sent);
    }
  } finally {
    closeSync(fd);
  }
}
