import { closeSync } from "node:fs";
import { SystemError } from "../errors/system-error.ts";
import { call } from "../linux/libc.ts";
import { Dialogue, type Operation } from "./dialogue.ts";
import type { Message } from "./message.ts";

// sys/socket.h, linux/netlink.h
const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

const MSG_PEEK_TRUNC = 0x2 | 0x20;

const prototypes = {
  socket: "int socket(int domain, int type, int protocol)",
  setsockopt: "int setsockopt(int fd, int level, int name, void *value, uint32_t length)",
  send: "ssize_t send(int fd, void *buffer, size_t length, int flags)",
  recv: "ssize_t recv(int fd, void *buffer, size_t length, int flags)",
} as const;

/**
 * A netlink socket. It stays in the network namespace in which it was opened, wherever the thread goes.
 * One request is answered before the next is sent.
 */
export class NetlinkSocket {
  readonly fd: number;
  readonly #dialogue: Dialogue;
  #buffer = new Uint8Array(32 * 1024);

  constructor(fd: number) {
    this.fd = fd;
    this.#dialogue = new Dialogue({
      send: (operation, datagram) => this.#send(operation, datagram),
      receive: (operation) => this.#receive(operation),
    });
  }

  /**
   * Sends a request and waits for its acknowledgement; returns the messages that came before it.
   *
   * @throws SystemError with the kernel's errno and explanation.
   */
  request(operation: Operation, type: number, flags: number, body: Uint8Array): Message[] {
    return this.#dialogue.request(operation, type, flags, body);
  }

  /**
   * Asks for all objects of a kind. A dump that the kernel interrupted, because the objects changed meanwhile, is
   * repeated.
   *
   * @throws SystemError with the kernel's errno and explanation.
   */
  dump(operation: Operation, type: number, body: Uint8Array): Message[] {
    return this.#dialogue.dump(operation, type, body);
  }

  close(): void {
    closeSync(this.fd);
  }

  #send(operation: Operation, datagram: Uint8Array): void {
    const sent = call(prototypes.send, this.fd, datagram, datagram.length, 0);
    if (sent < 0) throw new SystemError(operation, sent);
  }

  /** One datagram, whole: its size is asked for first, and the buffer grows to it. */
  #receive(operation: Operation): Uint8Array {
    const size = call(prototypes.recv, this.fd, this.#buffer, 0, MSG_PEEK_TRUNC);
    if (size < 0) throw new SystemError(operation, size);
    if (size > this.#buffer.length) this.#buffer = new Uint8Array(size);
    const received = call(prototypes.recv, this.fd, this.#buffer, this.#buffer.length, 0);
    if (received < 0) throw new SystemError(operation, received);
    return this.#buffer.slice(0, received);
  }
}

/**
 * Opens a netlink socket in the calling thread's network namespace, with strict checking of requests and extended
 * ACK asked for where the kernel has them.
 *
 * @throws SystemError
 */
export function openNetlink(protocol: number): NetlinkSocket {
  const fd = call(prototypes.socket, AF_NETLINK, SOCK_RAW_CLOEXEC, protocol);
  if (fd < 0) throw new SystemError("cannot open a netlink socket", fd);
  const on = Uint8Array.of(1, 0, 0, 0);
  for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK]) {
    // Kernels before 4.12, 4.3 and 4.20 lack them; everything works without.
    call(prototypes.setsockopt, fd, SOL_NETLINK, option, on, on.length);
  }
  return new NetlinkSocket(fd);
}
