import { closeSync } from "node:fs";
import { SystemError } from "../errors/system-error.ts";
import { EAGAIN, ENOBUFS } from "../linux/errno.ts";
import { call } from "../linux/libc.ts";
import { unguessableNumbers } from "../linux/random.ts";
import {
  AF_NETLINK,
  SO_RCVTIMEO,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_SOCKET,
  socketCalls,
  timeval,
} from "../linux/socket.ts";
import { NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK, SOL_NETLINK } from "./constants.ts";
import { Dialogue, type Operation } from "./dialogue.ts";
import type { Message, MessagePlace } from "./message.ts";
import { drain, receiveFromKernel, sockaddrLength, socketAddress } from "./receive.ts";

/** How long to wait. The kernel answers during `send`, so this only ends a wait for an answer that was lost. */
const patienceSeconds = 10;

/** Sequence numbers of batches are above all others. */
const batchNumbers = 2 ** 31;

/**
 * A netlink socket. It stays in the network namespace in which it was opened, wherever the thread goes.
 * One request is answered before the next is sent. Only the kernel is believed.
 */
export class NetlinkSocket {
  readonly fd: number;
  readonly #dialogue: Dialogue;
  #batchSequence: number;

  constructor(fd: number) {
    this.fd = fd;
    const [first = 0, firstOfBatches = 0] = unguessableNumbers(2);
    this.#batchSequence = batchNumbers + firstOfBatches;
    const transport = {
      send: (operation: Operation, datagram: Uint8Array) => this.#send(operation, datagram),
      receive: (operation: Operation) => this.#receive(operation),
    };
    this.#dialogue = new Dialogue(transport, first);
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

  /**
   * As `dump`, but each message is given away as it comes, so that many take no memory. Its bytes are overwritten
   * afterwards. Of a dump that is repeated messages come again.
   */
  dumpEach(
    operation: Operation,
    type: number,
    body: Uint8Array,
    take: (message: MessagePlace) => void,
  ): void {
    this.#dialogue.dumpEach(operation, type, body, take);
  }

  /**
   * Sends several requests of one type at once, and waits until all are carried out. At most a hundred, so that what
   * the kernel refuses fits into the socket.
   *
   * @param ignored names of errnos that are as good as success.
   * @throws SystemError for the first other one; the rest was carried out all the same.
   */
  requestAll(
    operation: Operation,
    type: number,
    bodies: readonly Uint8Array[],
    ignored: readonly string[],
  ): void {
    this.#dialogue.requestAll(operation, type, bodies, ignored);
  }

  /** Takes sequence numbers that no request has, and that nobody can guess; returns the first. */
  takeSequences(count: number): number {
    const first = this.#batchSequence;
    this.#batchSequence += count;
    return first;
  }

  close(): void {
    closeSync(this.fd);
  }

  #send(operation: Operation, datagram: Uint8Array): void {
    const sent = call(socketCalls.send, this.fd, datagram, datagram.length, 0);
    if (sent < 0) throw new SystemError(operation, sent);
  }

  #receive(operation: Operation): Uint8Array {
    const received = receiveFromKernel(this.fd, 0);
    if (typeof received !== "number") return received;
    const isLost = received === -EAGAIN || received === -ENOBUFS;
    // The kernel tells only once that a socket is full, until it is empty.
    if (isLost) drain(this.fd);
    throw new SystemError(operation, isLost ? ENOBUFS : received);
  }
}

/**
 * Opens a netlink socket in the calling thread's network namespace, with strict checking of requests and extended
 * ACK asked for where the kernel has them. Nobody but the kernel can send to it.
 *
 * @throws SystemError
 */
export function openNetlink(protocol: number): NetlinkSocket {
  const fd = openSocket(protocol);
  connectToKernel(fd);
  return new NetlinkSocket(fd);
}

/**
 * Opens a netlink socket that hears of changes in the calling thread's network namespace. Others can send to its
 * groups: see `receiveOnce`.
 *
 * @param groups bits of the protocol's multicast groups.
 * @throws SystemError
 */
export function openGroups(protocol: number, groups: number): number {
  const fd = openSocket(protocol);
  const outcome = call(socketCalls.bind, fd, socketAddress(0, groups), sockaddrLength);
  if (outcome < 0) {
    closeSync(fd);
    throw new SystemError("cannot subscribe to netlink notifications", outcome);
  }
  connectToKernel(fd);
  return fd;
}

function openSocket(protocol: number): number {
  const fd = call(socketCalls.socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (fd < 0) throw new SystemError("cannot open a netlink socket", fd);
  const patience = timeval(patienceSeconds * 1e6);
  call(socketCalls.setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, patience, patience.length);
  const on = Uint8Array.of(1, 0, 0, 0);
  for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK]) {
    // Kernels before 4.12, 4.3 and 4.20 lack them; everything works without.
    call(socketCalls.setsockopt, fd, SOL_NETLINK, option, on, on.length);
  }
  return fd;
}

/**
 * From then on the kernel refuses what others send to this port (netlink_getsockbyportid in net/netlink/af_netlink.c):
 * they cannot fill the socket either. Senders are looked at all the same, for what came before.
 */
function connectToKernel(fd: number): void {
  call(socketCalls.connect, fd, socketAddress(0), sockaddrLength);
}
