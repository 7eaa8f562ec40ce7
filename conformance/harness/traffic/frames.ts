/** Ethernet frames as somebody with CAP_NET_RAW makes them: with whatever senders he likes. */
import { isIPv6 } from "node:net";
import type { Host, Place } from "../host/host.ts";
import { asString, objectList, parse } from "../host/json.ts";

/** Sends a frame from an interface in a namespace, which gets it as it is (socat, a packet socket). */
export function sendFrame(host: Host, netns: string, frame: Buffer, device = "eth0"): void {
  const whole = Buffer.concat([frame, Buffer.alloc(Math.max(0, 60 - frame.length))]);
  host.inNetns(netns, "socat", ["-u", "-", `INTERFACE:${device}`], { input: whole });
}

/** The MAC of an interface, as `ip` tells it. */
export function macOf(host: Host, place: Place, device = "eth0"): string {
  const [link] = objectList(parse(host.run("ip", ["-j", "link", "show", device], place).stdout));
  return asString(link?.["address"]);
}

/** An Ethernet header and what follows it. `type` is that of the payload, for example 0x0806. */
export function frame(to: string, from: string, type: number, payload: Buffer): Buffer {
  return Buffer.concat([mac(to), mac(from), number(type, 2), payload]);
}

/** A tag of IEEE 802.1Q around a payload, to be put into a frame of type 0x8100. */
export function tagged(vlan: number, type: number, payload: Buffer): Buffer {
  return Buffer.concat([number(vlan, 2), number(type, 2), payload]);
}

/** An ARP reply (RFC 826) that says at which MAC an address is. */
export function arpReply(sender: { ip: string; mac: string }, target: { ip: string; mac: string }): Buffer {
  const header = Buffer.from([0, 1, 8, 0, 6, 4, 0, 2]);
  return Buffer.concat([header, mac(sender.mac), ipv4(sender.ip), mac(target.mac), ipv4(target.ip)]);
}

/** An IPv4 packet with UDP. Without a checksum of UDP, which is then not looked at. */
export function udpPacket(from: string, to: string, port: number, text: string): Buffer {
  const data = Buffer.from(text);
  const udp = Buffer.concat([
    number(4000, 2),
    number(port, 2),
    number(8 + data.length, 2),
    number(0, 2),
    data,
  ]);
  const header = Buffer.concat([
    Buffer.from([0x45, 0]),
    number(20 + udp.length, 2),
    Buffer.from([0, 0, 0, 0, 64, 17, 0, 0]),
    ipv4(from),
    ipv4(to),
  ]);
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([header, udp]);
}

/** Options of neighbour discovery (RFC 4861, section 4.6.1; RFC 7527). */
export const option = {
  sourceAddress: (at: string) => Buffer.concat([Buffer.from([1, 1]), mac(at)]),
  targetAddress: (at: string) => Buffer.concat([Buffer.from([2, 1]), mac(at)]),
  nonce: () => Buffer.from([14, 1, 1, 2, 3, 4, 5, 6]),
};

/** A neighbour advertisement (RFC 4861, section 4.4) that overrides what is known of its sender. */
export function advertisement(from: string, to: string, ...options: readonly Buffer[]): Buffer {
  return icmp6(from, to, Buffer.concat([Buffer.from([136, 0, 0, 0, 0x20, 0, 0, 0]), ipv6(from), ...options]));
}

/** A neighbour solicitation (RFC 4861, section 4.3) for the receiver's address. */
export function solicitation(from: string, to: string, ...options: readonly Buffer[]): Buffer {
  return icmp6(from, to, Buffer.concat([Buffer.from([135, 0, 0, 0, 0, 0, 0, 0]), ipv6(to), ...options]));
}

/** A router solicitation (RFC 4861, section 4.1). */
export function routerSolicitation(from: string, to: string, ...options: readonly Buffer[]): Buffer {
  return icmp6(from, to, Buffer.concat([Buffer.from([133, 0, 0, 0, 0, 0, 0, 0]), ...options]));
}

/** The same packet with an extension header (destination options) before what it carries. */
export function withExtension(packet: Buffer): Buffer {
  const extended = Buffer.concat([
    packet.subarray(0, 40),
    Buffer.from([packet[6] ?? 0, 0, 1, 4, 0, 0, 0, 0]),
    packet.subarray(40),
  ]);
  extended.writeUInt16BE(packet.length - 40 + 8, 4);
  extended[6] = 60;
  return extended;
}

function icmp6(from: string, to: string, message: Buffer): Buffer {
  const [source, destination] = [ipv6(from), ipv6(to)];
  const pseudo = Buffer.concat([source, destination, number(message.length, 4), number(58, 4)]);
  message.writeUInt16BE(checksum(Buffer.concat([pseudo, message])), 2);
  const header = Buffer.concat([
    Buffer.from([0x60, 0, 0, 0]),
    number(message.length, 2),
    Buffer.from([58, 255]),
  ]);
  return Buffer.concat([header, source, destination, message]);
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function mac(text: string): Buffer {
  return Buffer.from(text.replaceAll(":", ""), "hex");
}

function ipv4(text: string): Buffer {
  return Buffer.from(text.split(".").map(Number));
}

function ipv6(text: string): Buffer {
  if (!isIPv6(text)) throw new Error(`${text} is no IPv6 address`);
  const [head = "", tail = ""] = text.split("::");
  const groups = (part: string) => (part === "" ? [] : part.split(":"));
  const [first, last] = [groups(head), groups(tail)];
  const middle = Array.from({ length: 8 - first.length - last.length }, () => "0");
  return Buffer.concat([...first, ...middle, ...last].map((group) => number(Number.parseInt(group, 16), 2)));
}

function number(value: number, length: 2 | 4): Buffer {
  const bytes = Buffer.alloc(length);
  bytes.writeUIntBE(value, 0, length);
  return bytes;
}
