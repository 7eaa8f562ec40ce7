import { closeSync } from "node:fs";
import { errnoName, SystemError } from "../errors/system-error.ts";
import { call } from "../linux/libc.ts";
import {
  decodeAcknowledgement,
  decodeMessages,
  encodeMessage,
  type Message,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
} from "./message.ts";

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
const EINTR = 4;
const maxInterruptedDumps = 20;

const prototypes = {
  socket: "int socket(int domain, int type, int protocol)",
  setsockopt: "int setsockopt(int fd, int level, int name, void *value, uint32_t length)",
  send: "ssize_t send(int fd, void *buffer, size_t length, int flags)",
  recv: "ssize_t recv(int fd, void *buffer, size_t length, int flags)",
} as const;

/** What a request is for, to be named in errors: for example `cannot create link "cni0"`. */
export type Operation = string;

/**
 * A netlink socket. It stays in the network namespace in which it was opened, wherever the thread goes.
 * One request is answered before the next is sent.
 */
export class NetlinkSocket {
  readonly fd: number;
  #sequence = 0;
  #buffer = new Uint8Array(32 * 1024);

  constructor(fd: number) {
    this.fd = fd;
  }

  /**
   * Sends a request and waits for its acknowledgement; returns the messages that came before it.
   *
   * @throws SystemError with the kernel's errno and explanation.
   */
  request(operation: Operation, type: number, flags: number, body: Uint8Array): Message[] {
    return this.#exchange(operation, type, flags | NLM_F_REQUEST | NLM_F_ACK, body).messages;
  }

  /**
   * Asks for all objects of a kind. A dump that the kernel interrupted, because the objects changed meanwhile, is
   * repeated.
   *
   * @throws SystemError with the kernel's errno and explanation.
   */
  dump(operation: Operation, type: number, body: Uint8Array): Message[] {
    for (let attempt = 1; ; attempt++) {
      const { messages, interrupted } = this.#exchange(operation, type, NLM_F_REQUEST | NLM_F_DUMP, body);
      if (!interrupted) return messages;
      if (attempt === maxInterruptedDumps) {
        throw new SystemError(operation, EINTR, `the dump was interrupted ${attempt} times by changes`);
      }
    }
  }

  close(): void {
    closeSync(this.fd);
  }

  #exchange(operation: Operation, type: number, flags: number, body: Uint8Array) {
    const sequence = ++this.#sequence;
    const bytes = encodeMessage({ type, flags, sequence, body });
    const sent = call(prototypes.send, this.fd, bytes, bytes.length, 0);
    if (sent < 0) throw new SystemError(operation, sent);

    const messages: Message[] = [];
    let interrupted = false;
    for (;;) {
      for (const message of decodeMessages(this.#receive(operation))) {
        // An answer to an earlier request that was given up.
        if (message.sequence !== sequence) continue;
        interrupted ||= (message.flags & NLM_F_DUMP_INTR) !== 0;
        if (message.type !== NLMSG_ERROR && message.type !== NLMSG_DONE) {
          messages.push(message);
          continue;
        }
        const { errno, explanation } = decodeAcknowledgement(message);
        // A kernel that lost its place reports the interruption as an error.
        if (errno !== 0 && errnoName(errno) !== "EINTR") throw new SystemError(operation, errno, explanation);
        return { messages, interrupted: interrupted || errno !== 0 };
      }
    }
  }

  /** One datagram, whole: its size is asked for first, and the buffer grows to it. */
  #receive(operation: Operation): Uint8Array {
    const size = call(prototypes.recv, this.fd, this.#buffer, 0, MSG_PEEK_TRUNC);
    if (size > this.#buffer.length) this.#buffer = new Uint8Array(size);
    const received = call(prototypes.recv, this.fd, this.#buffer, this.#buffer.length, 0);
    if (size < 0 || received < 0) throw new SystemError(operation, Math.min(size, received));
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
