import { errnoName, SystemError } from "../errors/system-error.ts";
import { EINTR } from "../linux/errno.ts";
import { ByteReader } from "./attribute-reader.ts";
import {
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
} from "./constants.ts";
import {
  type Acknowledgement,
  decodeAcknowledgement,
  decodeHeader,
  decodeMessage,
  decodeMessages,
  encodeMessage,
  forEachMessage,
  type Message,
  type MessagePlace,
} from "./message.ts";

const maxInterruptedDumps = 20;

/** The purpose of a request as errors name it, for example `cannot create link "cni0"`. */
export type Operation = string;

/** Carries whole datagrams to the kernel and back. Both functions throw SystemError. */
interface Transport {
  send(operation: Operation, datagram: Uint8Array): void;
  /** Waits for the kernel's next datagram. Its bytes are overwritten by the one after it. */
  receive(operation: Operation): Uint8Array;
}

/** The size of the pieces in which the kernel sends long dumps. */
const usualDumpBytes = 32 * 1024;

/** Far more messages than the kernel sends for any request but a dump. */
const mostAnswers = 1000;

interface Exchange {
  readonly messages: Message[];
  readonly interrupted: boolean;
  readonly errno: number;
  readonly explanation: string;
}

/** A request, and what becomes of its answers: without `take` they are kept. */
interface Request {
  readonly type: number;
  readonly flags: number;
  readonly body: Uint8Array;
  readonly take?: (message: MessagePlace) => void;
  /** How many messages the answer may have at most. */
  readonly most?: number;
}

/** The order of requests and answers on one socket: a request is answered before the next is sent. */
export class Dialogue {
  readonly #transport: Transport;
  #sequence: number;

  /** @param sequence where the numbers of requests begin, below 2 ** 30: nobody else should know them. */
  constructor(transport: Transport, sequence: number) {
    this.#transport = transport;
    this.#sequence = sequence;
  }

  /** See `NetlinkSocket.request`. */
  request(operation: Operation, type: number, flags: number, body: Uint8Array): Message[] {
    const request = { type, flags: flags | NLM_F_REQUEST | NLM_F_ACK, body, most: mostAnswers };
    const { errno, explanation, messages } = this.#exchange(operation, request);
    if (errno !== 0) throw new SystemError(operation, errno, explanation);
    return messages;
  }

  /** See `NetlinkSocket.dump`. */
  dump(operation: Operation, type: number, body: Uint8Array): Message[] {
    return this.#dump(operation, { type, flags: NLM_F_REQUEST | NLM_F_DUMP, body });
  }

  /** See `NetlinkSocket.dumpEach`. */
  dumpEach(
    operation: Operation,
    type: number,
    body: Uint8Array,
    take: (message: MessagePlace) => void,
  ): void {
    this.#dump(operation, { type, flags: NLM_F_REQUEST | NLM_F_DUMP, body, take });
  }

  /** See `NetlinkSocket.requestAll`. */
  requestAll(
    operation: Operation,
    type: number,
    bodies: readonly Uint8Array[],
    ignored: readonly string[],
  ): void {
    if (bodies.length === 0) return;
    const first = this.#sequence + 1;
    const last = this.#sequence + bodies.length;
    this.#sequence = last;
    const datagrams = bodies.map((body, index) => {
      const flags = NLM_F_REQUEST | (first + index === last ? NLM_F_ACK : 0);
      return encodeMessage({ type, flags, sequence: first + index, body });
    });
    this.#transport.send(operation, joined(datagrams));
    const failure = this.#failureAmong(operation, { first, last, ignored });
    if (failure !== undefined) throw failure;
  }

  /** What the kernel says to some of several requests, and to the last of them in any case. */
  #failureAmong(
    operation: Operation,
    { first, last, ignored }: { first: number; last: number; ignored: readonly string[] },
  ): SystemError | undefined {
    let failure: SystemError | undefined;
    for (;;) {
      for (const message of decodeMessages(this.#transport.receive(operation))) {
        const { sequence, type } = message;
        if (type !== NLMSG_ERROR || sequence < first || sequence > last) continue;
        const { errno, explanation } = decodeAcknowledgement(message);
        if (errno !== 0 && !ignored.includes(errnoName(errno))) {
          failure ??= new SystemError(operation, errno, explanation);
        }
        if (sequence === last) return failure;
      }
    }
  }

  #dump(operation: Operation, request: Request): Message[] {
    for (let attempt = 1; ; attempt++) {
      const { errno, explanation, interrupted, messages } = this.#exchange(operation, request);
      // A kernel that lost its place may report the interruption as an error.
      const lostPlace = errno !== 0 && errnoName(errno) === "EINTR";
      if (errno !== 0 && !lostPlace) throw new SystemError(operation, errno, explanation);
      if (!interrupted && !lostPlace) return messages;
      if (attempt === maxInterruptedDumps) {
        throw new SystemError(operation, EINTR, `the dump was interrupted ${attempt} times by changes`);
      }
    }
  }

  #exchange(operation: Operation, { type, flags, body, take, most = Infinity }: Request): Exchange {
    const sequence = ++this.#sequence;
    this.#transport.send(operation, encodeMessage({ type, flags, sequence, body }));

    const messages: Message[] = [];
    let interrupted = false;
    let ending: Acknowledgement | undefined;
    let failure: unknown;
    const sort = (place: MessagePlace): void => {
      const header = decodeHeader(place);
      // An answer to an earlier request that was given up; nothing comes after the end.
      if (header.sequence !== sequence || ending !== undefined) return;
      interrupted ||= (header.flags & NLM_F_DUMP_INTR) !== 0;
      if (header.type === NLMSG_ERROR || header.type === NLMSG_DONE) {
        ending = decodeAcknowledgement(decodeMessage(place));
      } else if (messages.length === most) {
        throw new SystemError(operation, "EMSGSIZE", `more than ${most} answers`);
      } else if (take === undefined) messages.push(decodeMessage(place));
      else if (failure === undefined) {
        try {
          take(place);
        } catch (error) {
          // The dump has to come to its end all the same, or there would be no other one on this socket.
          failure = error;
        }
      }
    };
    // Whoever is told of messages may use another socket meanwhile, and what comes there has the same place.
    const hold = take === undefined ? (datagram: Uint8Array) => datagram.slice() : holder();
    for (;;) {
      const datagram = hold(this.#transport.receive(operation));
      forEachMessage(new ByteReader(datagram), sort);
      if (ending === undefined) continue;
      if (failure !== undefined) throw failure;
      return { messages, interrupted, ...ending };
    }
  }
}

/** Copies one datagram after the other to the same place. */
function holder(): (datagram: Uint8Array) => Uint8Array {
  let place = new Uint8Array(0);
  return (datagram) => {
    if (place.length < datagram.length) place = new Uint8Array(Math.max(datagram.length, usualDumpBytes));
    place.set(datagram);
    return place.subarray(0, datagram.length);
  };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
