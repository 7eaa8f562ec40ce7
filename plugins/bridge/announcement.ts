import { type IpAddress, ipToBytes } from "../../shared/ip/address.ts";

/**
 * Frames that tell neighbours who has an address from now on, so that they do not go on sending to its last owner
 * until their entries expire. Pure.
 */
export function announcement(mac: Uint8Array, address: IpAddress): Uint8Array {
  return address.family === 4 ? gratuitousArp(mac, address) : unsolicitedAdvertisement(mac, address);
}

const etherTypeArp = [0x08, 0x06];
const etherTypeIpv6 = [0x86, 0xdd];

/** RFC 5227 section 3: an ARP request for one's own address, to everybody. */
function gratuitousArp(mac: Uint8Array, address: IpAddress): Uint8Array {
  const ip = ipToBytes(address);
  const broadcast = new Uint8Array(6).fill(0xff);
  const request = [0, 1, 0x08, 0x00, 6, 4, 0, 1];
  return Uint8Array.of(
    ...broadcast,
    ...mac,
    ...etherTypeArp,
    ...request,
    ...mac,
    ...ip,
    ...new Uint8Array(6),
    ...ip,
  );
}

/** RFC 4861 sections 4.4 and 7.2.6: a neighbour advertisement to all nodes that overrides what they know. */
function unsolicitedAdvertisement(mac: Uint8Array, address: IpAddress): Uint8Array {
  const ip = ipToBytes(address);
  const allNodes = Uint8Array.of(0xff, 0x02, ...new Uint8Array(13), 1);
  const override = [0x20, 0, 0, 0];
  const targetLinkLayerAddress = [2, 1, ...mac];
  const icmp = Uint8Array.of(136, 0, 0, 0, ...override, ...ip, ...targetLinkLayerAddress);
  const checksum = icmpChecksum(ip, allNodes, icmp);
  icmp.set([checksum >>> 8, checksum & 255], 2);
  const ipv6 = [0x60, 0, 0, 0, 0, icmp.length, icmpv6, 255];
  return Uint8Array.of(
    0x33,
    0x33,
    0,
    0,
    0,
    1,
    ...mac,
    ...etherTypeIpv6,
    ...ipv6,
    ...ip,
    ...allNodes,
    ...icmp,
  );
}

const icmpv6 = 58;

/** RFC 4443 section 2.3: the Internet checksum over a pseudo-header and the message. */
function icmpChecksum(source: Uint8Array, destination: Uint8Array, message: Uint8Array): number {
  const covered = Uint8Array.of(
    ...source,
    ...destination,
    0,
    0,
    0,
    message.length,
    0,
    0,
    0,
    icmpv6,
    ...message,
  );
  let sum = 0;
  for (let index = 0; index < covered.length; index += 2) {
    sum += ((covered[index] ?? 0) << 8) | (covered[index + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
