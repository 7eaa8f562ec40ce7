import { isErrno, SystemError } from "../errors/system-error.ts";
import { monotonicNow } from "../linux/wait.ts";
import { formatBusAddress, parseBusAddresses, type UnixAddress } from "./address.ts";
import { BusTimeout, BusUnavailable, DbusError } from "./errors.ts";
import {
  decodeMessage,
  ERROR,
  encodeMethodCall,
  METHOD_RETURN,
  type Message,
  type MethodCall,
  messageBytes,
  prefixBytes,
} from "./message.ts";
import type { Value } from "./reader.ts";
import { type ByteStream, connectUnix } from "./unix-socket.ts";
import { WireError } from "./wire-error.ts";

/** D-Bus specification, "Well-known Message Bus Instances". */
const defaultSystemBus = "unix:path=/var/run/dbus/system_bus_socket";

/** Where the message bus itself is addressed. */
export const messageBus = {
  destination: "org.freedesktop.DBus",
  path: "/org/freedesktop/DBus",
  interface: "org.freedesktop.DBus",
} as const;

const what = "the D-Bus system bus";

/**
 * Connects to the system bus and says hello. The way there is a file, so it does not depend on the network namespace.
 *
 * @param environment DBUS_SYSTEM_BUS_ADDRESS of it is honoured.
 * @param milliseconds limit for all of it.
 * @throws BusUnavailable, BusTimeout
 */
export function openSystemBus(
  environment: Readonly<Record<string, string | undefined>>,
  milliseconds: number,
): BusConnection {
  const text = environment["DBUS_SYSTEM_BUS_ADDRESS"] || defaultSystemBus;
  const addresses = parseBusAddresses(text);
  let failure: unknown = new BusUnavailable(
    `cannot connect to ${what}: no address of a kind that is known in ${JSON.stringify(text)}`,
    true,
  );
  for (const [index, address] of addresses.entries()) {
    try {
      return connect(address, milliseconds);
    } catch (error) {
      if (index === 0) failure = error;
    }
  }
  throw failure;
}

function connect(address: UnixAddress, milliseconds: number): BusConnection {
  const deadline = monotonicNow() + milliseconds;
  let stream: ByteStream;
  try {
    stream = connectUnix(address, deadline);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    if (isErrno(error, "EAGAIN")) throw new BusTimeout(what, milliseconds);
    const { message } = new SystemError(
      `cannot connect to ${what} at ${formatBusAddress(address)}`,
      error.errno,
    );
    throw new BusUnavailable(message, isErrno(error, "ENOENT", "ENOTDIR", "ECONNREFUSED"), { cause: error });
  }
  try {
    return new BusConnection(stream, milliseconds);
  } catch (error) {
    stream.close();
    throw error;
  }
}

/** A connection to a message bus. One call is answered before the next is sent. */
export class BusConnection {
  readonly #stream: ByteStream;
  #received: Uint8Array = new Uint8Array(0);
  #serial = 0;

  /** Authenticates and says hello. Throws like `openSystemBus`. */
  constructor(stream: ByteStream, milliseconds: number) {
    this.#stream = stream;
    const deadline = monotonicNow() + milliseconds;
    limited(what, milliseconds, () => {
      this.#authenticate(deadline);
      this.#call({ ...messageBus, member: "Hello", args: [] }, deadline);
    });
  }

  /**
   * Calls a method and returns what its reply holds.
   *
   * @param milliseconds how long to wait for the reply.
   * @throws DbusError (an error reply), BusTimeout, BusUnavailable (the connection has ended)
   */
  call(call: MethodCall, milliseconds: number): readonly Value[] {
    const deadline = monotonicNow() + milliseconds;
    return limited(`${call.destination} (D-Bus)`, milliseconds, () => this.#call(call, deadline));
  }

  close(): void {
    this.#stream.close();
  }

  /**
   * SASL EXTERNAL (D-Bus specification, "Authentication Protocol"): the bus asks the kernel who we are. We do not say
   * it ourselves, since in a user namespace we would be wrong.
   */
  #authenticate(deadline: number): void {
    this.#stream.write(Buffer.from("\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n"), deadline);
    for (;;) {
      const line = this.#line(deadline);
      if (line.startsWith("OK")) return;
      if (line === "DATA") continue;
      throw new BusUnavailable(`${what} does not let us in: ${JSON.stringify(line.slice(0, 100))}`, false);
    }
  }

  #call(call: MethodCall, deadline: number): readonly Value[] {
    this.#serial += 1;
    this.#stream.write(encodeMethodCall(this.#serial, call), deadline);
    for (;;) {
      // What else comes are signals, and replies to calls that were given up.
      const { type, replySerial, errorName, body } = this.#message(deadline);
      if (replySerial !== this.#serial) continue;
      if (type === METHOD_RETURN) return body;
      if (type === ERROR) throw new DbusError(errorName ?? "", typeof body[0] === "string" ? body[0] : "");
    }
  }

  #line(deadline: number): string {
    for (;;) {
      const end = Buffer.from(this.#received).indexOf("\r\n");
      if (end >= 0) return Buffer.from(this.#take(end + 2)).toString("latin1", 0, end);
      if (this.#received.length > maxLineBytes) throw new WireError("an endless line");
      this.#receive(deadline);
    }
  }

  #message(deadline: number): Message {
    while (this.#received.length < prefixBytes) this.#receive(deadline);
    const length = messageBytes(this.#received);
    while (this.#received.length < length) this.#receive(deadline);
    return decodeMessage(this.#take(length));
  }

  #take(length: number): Uint8Array {
    const taken = this.#received.slice(0, length);
    this.#received = this.#received.slice(length);
    return taken;
  }

  #receive(deadline: number): void {
    const bytes = this.#stream.read(deadline);
    if (bytes.length === 0) throw new BusUnavailable(`${what} has closed the connection`, true);
    this.#received = Buffer.concat([this.#received, bytes]);
  }
}

const maxLineBytes = 16 * 1024;

/** Gives what went wrong below a name. */
function limited<T>(whom: string, milliseconds: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (isErrno(error, "EAGAIN")) throw new BusTimeout(whom, milliseconds);
    if (isErrno(error, "EPIPE", "ECONNRESET")) {
      throw new BusUnavailable(`${what} has closed the connection`, true, { cause: error });
    }
    if (error instanceof WireError) {
      throw new BusUnavailable(`${what} does not speak D-Bus: ${error.message}`, false, { cause: error });
    }
    throw error;
  }
}
