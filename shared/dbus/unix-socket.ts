import { closeSync, statSync } from "node:fs";
import { SystemError } from "../errors/system-error.ts";
import { call } from "../linux/libc.ts";
import {
  AF_UNIX,
  MSG_NOSIGNAL,
  SO_RCVTIMEO,
  SO_SNDTIMEO,
  SOCK_CLOEXEC,
  SOCK_STREAM,
  SOL_SOCKET,
  socketCalls,
  timeval,
} from "../linux/socket.ts";
import { monotonicNow } from "../linux/wait.ts";
import type { UnixAddress } from "./address.ts";

/** sockaddr_un.sun_path, of which a path also needs a zero byte. */
const maxNameBytes = 108;

/**
 * A stream of bytes to somebody. Deadlines are times of `monotonicNow()`. Errors are SystemErrors; EAGAIN when the
 * deadline has passed.
 */
export interface ByteStream {
  write(bytes: Uint8Array, deadline: number): void;
  /** The next bytes, at least one; empty when the other side has closed the connection. */
  read(deadline: number): Uint8Array;
  close(): void;
}

/**
 * Connects to a socket.
 *
 * @throws SystemError
 */
export function connectUnix(address: UnixAddress, deadline: number): ByteStream {
  // Most hosts have no bus: to say so without the C functions saves their declaration, 0.5 ms.
  if ("path" in address && isAbsent(address.path)) throw new SystemError("connect", "ENOENT");
  const name = socketName(address);
  const fd = call(socketCalls.socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new SystemError("socket", fd);
  const stream = new UnixSocket(fd);
  try {
    stream.connect(name, deadline);
    return stream;
  } catch (error) {
    stream.close();
    throw error;
  }
}

/** False when it is not known: `connect` tells. */
function isAbsent(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  }
}

/** struct sockaddr_un */
function socketName(address: UnixAddress): Uint8Array {
  const name = "path" in address ? `${address.path}\0` : `\0${address.abstract}`;
  const bytes = Buffer.from(name);
  if (bytes.length > maxNameBytes) throw new SystemError("connect", "ENAMETOOLONG");
  return Uint8Array.from([AF_UNIX, 0, ...bytes]);
}

class UnixSocket implements ByteStream {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(4096);

  constructor(fd: number) {
    this.#fd = fd;
  }

  connect(name: Uint8Array, deadline: number): void {
    this.#limit(SO_SNDTIMEO, deadline);
    const outcome = call(socketCalls.connect, this.#fd, name, name.length);
    if (outcome < 0) throw new SystemError("connect", outcome);
  }

  write(bytes: Uint8Array, deadline: number): void {
    for (let sent = 0; sent < bytes.length; ) {
      const rest = bytes.subarray(sent);
      this.#limit(SO_SNDTIMEO, deadline);
      const outcome = call(socketCalls.send, this.#fd, rest, rest.length, MSG_NOSIGNAL);
      if (outcome < 0) throw new SystemError("send", outcome);
      sent += outcome;
    }
  }

  read(deadline: number): Uint8Array {
    this.#limit(SO_RCVTIMEO, deadline);
    const outcome = call(socketCalls.recv, this.#fd, this.#buffer, this.#buffer.length, 0);
    if (outcome < 0) throw new SystemError("recv", outcome);
    return this.#buffer.slice(0, outcome);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #limit(option: number, deadline: number): void {
    const microseconds = Math.round((deadline - monotonicNow()) * 1000);
    // The kernel takes 0 for "without limit".
    if (microseconds <= 0) throw new SystemError("wait", "EAGAIN");
    const bytes = timeval(microseconds);
    const outcome = call(socketCalls.setsockopt, this.#fd, SOL_SOCKET, option, bytes, bytes.length);
    if (outcome < 0) throw new SystemError("setsockopt", outcome);
  }
}
