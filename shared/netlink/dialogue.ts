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
  /** Waits for the kernel's next datagram. Its bytes are overwritten by the one after it. */
  receive(operation: Operation): Uint8Array;
}

/** Far more than the kernel says to any request but a dump. */
const mostAnswers = 1000;

interface Exchange {
  readonly messages: Message[];
  readonly interrupted: boolean;
  readonly errno: number;
  readonly explanation: string;
}

/** What is asked of the kernel, and what becomes of the answers: without `take` they are kept. */
interface Request {
  readonly type: number;
  readonly flags: number;
  readonly body: Uint8Array;
  readonly take?: (message: Message) => void;
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
    let answers = 0;
    const messages: Message[] = [];
    const take = (message: Message): void => {
      answers += 1;
      if (answers > mostAnswers)
        throw new SystemError(operation, "EMSGSIZE", `more than ${mostAnswers} answers`);
      messages.push({ ...message, body: message.body.slice() });
    };
    const exchange = this.#exchange(operation, {
      type,
      flags: flags | NLM_F_REQUEST | NLM_F_ACK,
      body,
      take,
    });
    const { errno, explanation } = exchange;
    if (errno !== 0) throw new SystemError(operation, errno, explanation);
    return messages;
  }

  /** See `NetlinkSocket.dump`. */
  dump(operation: Operation, type: number, body: Uint8Array): Message[] {
    return this.#dump(operation, { type, flags: NLM_F_REQUEST | NLM_F_DUMP, body });
  }

  /** See `NetlinkSocket.dumpEach`. */
  dumpEach(operation: Operation, type: number, body: Uint8Array, take: (message: Message) => void): void {
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

  #exchange(operation: Operation, { type, flags, body, take }: Request): Exchange {
    const sequence = ++this.#sequence;
    this.#transport.send(operation, encodeMessage({ type, flags, sequence, body }));

    const messages: Message[] = [];
    let interrupted = false;
    for (;;) {
      const datagram = this.#transport.receive(operation);
      for (const message of decodeMessages(take === undefined ? datagram.slice() : datagram)) {
        // An answer to an earlier request that was given up.
        if (message.sequence !== sequence) continue;
        interrupted ||= (message.flags & NLM_F_DUMP_INTR) !== 0;
        if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
          return { messages, interrupted, ...decodeAcknowledgement(message) };
        }
        if (take === undefined) messages.push(message);
        else take(message);
      }
    }
  }
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
