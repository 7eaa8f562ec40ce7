// linux/socket.h, linux/net.h, asm-generic/socket.h
export const AF_UNSPEC = 0;
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_BRIDGE = 7;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const SOCK_CLOEXEC = 0o2000000;
export const SOCK_STREAM = 1;
export const SOCK_RAW = 3;
export const SOL_SOCKET = 1;
export const SO_SNDBUF = 7;
export const SO_RCVTIMEO = 20;
export const SO_SNDTIMEO = 21;
export const SO_SNDBUFFORCE = 32;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;

/** Prototypes for `call` of libc.ts. */
export const socketCalls = {
  socket: "int socket(int domain, int type, int protocol)",
  bind: "int bind(int fd, void *address, uint32_t length)",
  connect: "int connect(int fd, void *address, uint32_t length)",
  getsockopt: "int getsockopt(int fd, int level, int name, void *value, void *length)",
  setsockopt: "int setsockopt(int fd, int level, int name, void *value, uint32_t length)",
  send: "ssize_t send(int fd, void *buffer, size_t length, int flags)",
  recv: "ssize_t recv(int fd, void *buffer, size_t length, int flags)",
  recvfrom:
    "ssize_t recvfrom(int fd, void *buffer, size_t length, int flags, void *address, void *addressLength)",
} as const;

/** The bytes of a struct timeval. As a socket's time limit zero means none. */
export function timeval(microseconds: number): Uint8Array {
  const parts = BigInt64Array.of(BigInt(Math.floor(microseconds / 1e6)), BigInt(microseconds % 1e6));
  return new Uint8Array(parts.buffer);
}
