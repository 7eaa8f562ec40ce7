import { closeSync, readFileSync } from "node:fs";
import { nodeErrno } from "../errors/system-error.ts";
import { type IpAddress, ipToBytes } from "../ip/address.ts";
import { EAGAIN } from "../linux/errno.ts";
import { call } from "../linux/libc.ts";
import { AF_INET, AF_INET6, SOCK_CLOEXEC, SOCK_RAW, socketCalls } from "../linux/socket.ts";
import { sameBytes } from "../nftables/bytes.ts";
import type { Family } from "./which.ts";

// netinet/in.h
const IPPROTO_IP = 0;
const IPPROTO_IPV6 = 41;
const IPPROTO_RAW = 255;

// linux/netfilter_ipv4/ip_tables.h; ip6_tables.h has the same numbers.
const IPT_SO_GET_INFO = 64;
const IPT_SO_GET_ENTRIES = 65;
/** struct ipt_getinfo, and where its `size` is. */
const infoLength = 84;
const infoSize = 80;
/** struct ipt_get_entries up to `entrytable`. */
const entriesStart = 40;
const tableNameLength = 32;
/** All machines that there are executables for. */
const hostIsLittle = true;
/** struct xt_entry_target up to `data`. */
const targetHeader = 32;

const builtIn = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"];
const attempts = 10;

/** The kernel lists the tables that iptables-legacy has used in this namespace; without the file there are none. */
export function legacyTableExists(family: Family, table: string): boolean {
  try {
    const names = readFileSync(`/proc/thread-self/net/${family === 4 ? "ip" : "ip6"}_tables_names`, "utf8");
    return names.split("\n").includes(table);
  } catch (error) {
    // Whatever else stands against reading it does not say that there are none.
    return nodeErrno(error) !== "ENOENT";
  }
}

/**
 * Whether a table of iptables-legacy holds a chain of this name. Needs no program.
 *
 * @returns undefined when the kernel does not tell.
 */
export function legacyChainExists(family: Family, table: string, chain: string): boolean | undefined {
  if (!legacyTableExists(family, table)) return false;
  if (builtIn.includes(chain)) return true;
  const entries = readEntries(family, table);
  return entries && holdsChain(entries, chain);
}

/**
 * Whether a rule of such a chain is about this one address, as source or destination.
 *
 * @returns undefined when the kernel does not tell.
 */
export function legacyRuleNames(table: string, chain: string, address: IpAddress): boolean | undefined {
  const { family } = address;
  if (!legacyTableExists(family, table)) return false;
  const entries = readEntries(family, table);
  const bytes = ipToBytes(address);
  return (
    entries &&
    [...rulesOf(entries, family)].some((rule) => rule.chain === chain && isAbout(rule.match, bytes))
  );
}

function holdsChain(entries: Buffer, chain: string): boolean {
  const name = `${chain}\0`;
  for (let at = entries.indexOf(name); at !== -1; at = entries.indexOf(name, at + 1)) {
    if (chainBegunBy(entries.subarray(Math.max(0, at - targetHeader))) === chain) return true;
  }
  return false;
}

/** A chain that is not built in begins with a rule whose target is ERROR and holds its name (struct xt_error_target). */
function chainBegunBy(target: Buffer): string | undefined {
  if (target.toString("latin1", 2, 8) !== "ERROR\0") return undefined;
  return target.toString("latin1", targetHeader, target.indexOf(0, targetHeader));
}

interface LegacyRule {
  readonly chain: string | undefined;
  /** Begins with source, destination and their masks. */
  readonly match: Buffer;
}

/** The rules of a table: struct ipt_entry, struct ip6t_entry. */
function* rulesOf(entries: Buffer, family: Family): Generator<LegacyRule> {
  const offsets = family === 4 ? 88 : 140;
  const view = viewOf(entries);
  let chain: string | undefined;
  for (let at = 0; at + offsets + 4 <= entries.length; ) {
    const target = view.getUint16(at + offsets, hostIsLittle);
    const length = view.getUint16(at + offsets + 2, hostIsLittle);
    if (length === 0) return;
    chain = chainBegunBy(entries.subarray(at + target, at + length)) ?? chain;
    yield { chain, match: entries.subarray(at, at + offsets) };
    at += length;
  }
}

function isAbout(match: Buffer, address: Uint8Array): boolean {
  const { length } = address;
  const part = (index: number) => match.subarray(index * length, (index + 1) * length);
  return [0, 1].some(
    (index) => part(index + 2).every((byte) => byte === 255) && sameBytes(part(index), address),
  );
}

function readEntries(family: Family, table: string): Buffer | undefined {
  const fd = call(
    socketCalls.socket,
    family === 4 ? AF_INET : AF_INET6,
    SOCK_RAW | SOCK_CLOEXEC,
    IPPROTO_RAW,
  );
  if (fd < 0) return undefined;
  try {
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const info = question(table, infoLength);
      if (ask(fd, family, IPT_SO_GET_INFO, info) < 0) return undefined;
      const size = viewOf(info).getUint32(infoSize, hostIsLittle);
      const entries = question(table, entriesStart + size);
      viewOf(entries).setUint32(tableNameLength, size, hostIsLittle);
      const outcome = ask(fd, family, IPT_SO_GET_ENTRIES, entries);
      if (outcome >= 0) return entries.subarray(entriesStart);
      // Somebody has changed the table in between.
      if (outcome !== -EAGAIN) return undefined;
    }
    return undefined;
  } finally {
    closeSync(fd);
  }
}

/** Begins with the table's name. */
function question(table: string, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  bytes.set(Buffer.from(table));
  return bytes;
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
}

function ask(fd: number, family: Family, option: number, value: Buffer): number {
  const length = new DataView(new ArrayBuffer(4));
  length.setUint32(0, value.length, true);
  const level = family === 4 ? IPPROTO_IP : IPPROTO_IPV6;
  return call(socketCalls.getsockopt, fd, level, option, value, new Uint8Array(length.buffer));
}
