import { closeSync, statSync } from "node:fs";
import { SystemError } from "../errors/system-error.ts";
import { call } from "../linux/libc.ts";
import { monotonicNow } from "../linux/wait.ts";
import type { UnixAddress } from "./address.ts";

// sys/socket.h
const AF_UNIX = 1;
const SOCK_STREAM_CLOEXEC = 1 | 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;
const MSG_NOSIGNAL = 0x4000;

/** sockaddr_un.sun_path, of which a path also needs a zero byte. */
const maxNameBytes = 108;

const prototypes = {
  socket: "int socket(int domain, int type, int protocol)",
  connect: "int connect(int fd, void *address, uint32_t length)",
  setsockopt: "int setsockopt(int fd, int level, int name, void *value, uint32_t length)",
  send: "ssize_t send(int fd, void *buffer, size_t length, int flags)",
  recv: "ssize_t recv(int fd, void *buffer, size_t length, int flags)",
} as const;

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
  const fd = call(prototypes.socket, AF_UNIX, SOCK_STREAM_CLOEXEC, 0);
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
    const outcome = call(prototypes.connect, this.#fd, name, name.length);
    if (outcome < 0) throw new SystemError("connect", outcome);
  }

  write(bytes: Uint8Array, deadline: number): void {
    for (let sent = 0; sent < bytes.length; ) {
      const rest = bytes.subarray(sent);
      this.#limit(SO_SNDTIMEO, deadline);
      const outcome = call(prototypes.send, this.#fd, rest, rest.length, MSG_NOSIGNAL);
      if (outcome < 0) throw new SystemError("send", outcome);
      sent += outcome;
    }
  }

  read(deadline: number): Uint8Array {
    this.#limit(SO_RCVTIMEO, deadline);
    const outcome = call(prototypes.recv, this.#fd, this.#buffer, this.#buffer.length, 0);
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
    // struct timeval
    const timeval = BigInt64Array.of(BigInt(Math.floor(microseconds / 1e6)), BigInt(microseconds % 1e6));
    const bytes = new Uint8Array(timeval.buffer);
    const outcome = call(prototypes.setsockopt, this.#fd, SOL_SOCKET, option, bytes, bytes.length);
    if (outcome < 0) throw new SystemError("setsockopt", outcome);
  }
}
