/**
 * Makes tracked connections in its network namespace, far more quickly than conntrack(8). Usage:
 *
 *   COUNT SOURCE DESTINATION  UDP between two addresses of one family, from and to any ports
 */
import { isIPv6 } from "node:net";
import koffi from "koffi";
import { attribute } from "./netlink-attribute.ts";

// linux/netlink.h, linux/netfilter/nfnetlink.h, nfnetlink_conntrack.h
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_NETFILTER = 12;
const IPCTNL_MSG_CT_NEW = 0x100;
const NLM_F_REQUEST = 0x1;
const NLM_F_ACK = 0x4;
const NLM_F_CREATE = 0x400;
const NLMSG_ERROR = 2;
const NLA_F_NESTED = 0x8000;
const AF_INET = 2;
const AF_INET6 = 10;
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_TIMEOUT = 7;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const IPPROTO_UDP = 17;
const atOnce = 100;

const libc = koffi.load(null);
const socket = libc.func("int socket(int domain, int type, int protocol)");
const send = libc.func("long send(int fd, void *data, size_t length, int flags)");
const recv = libc.func("long recv(int fd, _Out_ uint8_t *data, size_t length, int flags)");

const [count = "", source = "", destination = ""] = process.argv.slice(2);
const fd = Number(socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER));
for (let made = 0; made < Number(count); made += atOnce) {
  const indexes = Array.from(
    { length: Math.min(atOnce, Number(count) - made) },
    (_none, index) => made + index,
  );
  const datagram = Buffer.concat(
    indexes.map((index, place) => connection(index, place === indexes.length - 1)),
  );
  if (Number(send(fd, datagram, datagram.length, 0)) < 0) throw new Error("cannot send");
  const answer = Buffer.alloc(256);
  recv(fd, answer, answer.length, 0);
  const errno = -answer.readInt32LE(16);
  if (answer.readUInt16LE(4) !== NLMSG_ERROR || errno !== 0)
    throw new Error(`connection ${made}: errno ${errno}`);
}

/** struct nlmsghdr, struct nfgenmsg and attributes. */
function connection(index: number, isLast: boolean): Buffer {
  const ports = [1024 + (index % 60_000), 1024 + Math.floor(index / 60_000)] as const;
  const timeout = Buffer.alloc(4);
  timeout.writeUInt32BE(3600);
  const body = Buffer.concat([
    Buffer.from([isIPv6(source) ? AF_INET6 : AF_INET, 0, 0, 0]),
    tuple(CTA_TUPLE_ORIG, [source, destination], ports),
    tuple(CTA_TUPLE_REPLY, [destination, source], [ports[1], ports[0]]),
    attribute(CTA_TIMEOUT, timeout),
  ]);
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + body.length, 0);
  header.writeUInt16LE(IPCTNL_MSG_CT_NEW, 4);
  header.writeUInt16LE(NLM_F_REQUEST | NLM_F_CREATE | (isLast ? NLM_F_ACK : 0), 6);
  return Buffer.concat([header, body]);
}

function tuple(
  type: number,
  [from, to]: readonly [string, string],
  ports: readonly [number, number],
): Buffer {
  const first = isIPv6(from) ? 3 : 1;
  const ip = Buffer.concat([attribute(first, bytesOf(from)), attribute(first + 1, bytesOf(to))]);
  const protocol = [
    attribute(1, Buffer.from([IPPROTO_UDP])),
    ...ports.map((port, index) => attribute(2 + index, number(port))),
  ];
  const parts = [
    attribute(CTA_TUPLE_IP | NLA_F_NESTED, ip),
    attribute(CTA_TUPLE_PROTO | NLA_F_NESTED, Buffer.concat(protocol)),
  ];
  return attribute(type | NLA_F_NESTED, Buffer.concat(parts));
}

function number(port: number): Buffer {
  return Buffer.from([port >> 8, port & 0xff]);
}

/** Of an address of IPv6 with one `::` in it. */
function bytesOf(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split(".").map(Number));
  const [start = [], end = []] = address
    .split("::")
    .map((half) => half.split(":").filter((group) => group !== ""));
  const zeros = Array.from({ length: 8 - start.length - end.length }, () => "0");
  return Buffer.from([...start, ...zeros, ...end].map((group) => group.padStart(4, "0")).join(""), "hex");
}
