import { errnoName, SystemError } from "../errors/system-error.ts";
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

const EINTR = 4;
const maxInterruptedDumps = 20;

/** What a request is for, to be named in errors: for example `cannot create link "cni0"`. */
export type Operation = string;

/** Carries whole datagrams to the kernel and back. Both functions throw SystemError. */
export interface Transport {
  send(operation: Operation, datagram: Uint8Array): void;
  /** Waits for the next datagram. */
  receive(operation: Operation): Uint8Array;
}

interface Exchange {
  readonly messages: Message[];
  readonly interrupted: boolean;
  readonly errno: number;
  readonly explanation: string;
}

/** The order of requests and answers on one socket: a request is answered before the next is sent. */
export class Dialogue {
  readonly #transport: Transport;
  #sequence = 0;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** See `NetlinkSocket.request`. */
  request(operation: Operation, type: number, flags: number, body: Uint8Array): Message[] {
    const exchange = this.#exchange(operation, type, flags | NLM_F_REQUEST | NLM_F_ACK, body);
    const { errno, explanation, messages } = exchange;
    if (errno !== 0) throw new SystemError(operation, errno, explanation);
    return messages;
  }

  /** See `NetlinkSocket.dump`. */
  dump(operation: Operation, type: number, body: Uint8Array): Message[] {
    for (let attempt = 1; ; attempt++) {
      const exchange = this.#exchange(operation, type, NLM_F_REQUEST | NLM_F_DUMP, body);
      const { errno, explanation, interrupted, messages } = exchange;
      // A kernel that lost its place may report the interruption as an error.
      const lostPlace = errno !== 0 && errnoName(errno) === "EINTR";
      if (errno !== 0 && !lostPlace) throw new SystemError(operation, errno, explanation);
      if (!interrupted && !lostPlace) return messages;
      if (attempt === maxInterruptedDumps) {
        throw new SystemError(operation, EINTR, `the dump was interrupted ${attempt} times by changes`);
      }
    }
  }

  #exchange(operation: Operation, type: number, flags: number, body: Uint8Array): Exchange {
    const sequence = ++this.#sequence;
    this.#transport.send(operation, encodeMessage({ type, flags, sequence, body }));

    const messages: Message[] = [];
    let interrupted = false;
    for (;;) {
      for (const message of decodeMessages(this.#transport.receive(operation))) {
        // An answer to an earlier request that was given up.
        if (message.sequence !== sequence) continue;
        interrupted ||= (message.flags & NLM_F_DUMP_INTR) !== 0;
        if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
          return { messages, interrupted, ...decodeAcknowledgement(message) };
        }
        messages.push(message);
      }
    }
  }
}
