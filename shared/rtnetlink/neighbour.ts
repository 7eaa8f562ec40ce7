import { isErrno } from "../errors/system-error.ts";
import { formatIp, type IpAddress, ipToBytes } from "../ip/address.ts";
import { sleep } from "../linux/wait.ts";
import { ByteReader } from "../netlink/attribute-reader.ts";
import { AttributeWriter } from "../netlink/attribute-writer.ts";
import type { NetlinkSocket } from "../netlink/client.ts";
import { NLM_F_CREATE } from "../netlink/message.ts";
import { addressFamily } from "./address.ts";

// linux/rtnetlink.h, linux/neighbour.h
const RTM_NEWNEIGH = 28;
const RTM_DELNEIGH = 29;
const RTM_GETNEIGH = 30;
const NDA_DST = 1;
const NTF_USE = 1;
const NUD_REACHABLE = 0x02;
const NUD_FAILED = 0x20;
const NUD_NOARP = 0x40;
const NUD_PERMANENT = 0x80;

/** The kernel asks three times, a second apart, unless the administrator wants more. */
const patienceMilliseconds = 6_000;

/**
 * Asks on a link who has an address, as for a packet to it: by ARP or neighbour discovery. A yes comes within
 * milliseconds, a no after three seconds.
 *
 * @returns undefined when it cannot be told: the link has no such question, or somebody has set the answer.
 * @throws SystemError
 */
export function answersOnLink(rt: NetlinkSocket, index: number, address: IpAddress): boolean | undefined {
  const state = readState(rt, index, address);
  if (state !== undefined && (state & (NUD_NOARP | NUD_PERMANENT)) !== 0) return undefined;
  // What is known may be of a neighbour that has gone since.
  if (state !== undefined) forget(rt, index, address);
  const what = `cannot look for the neighbour ${formatIp(address)}`;
  rt.request(what, RTM_NEWNEIGH, NLM_F_CREATE, neighbour(index, address, NTF_USE));
  const end = Date.now() + patienceMilliseconds;
  for (let pause = 1; Date.now() < end; pause = Math.min(pause * 2, 50)) {
    sleep(pause);
    const now = readState(rt, index, address);
    if (now === undefined || (now & (NUD_NOARP | NUD_PERMANENT)) !== 0) return undefined;
    if ((now & NUD_REACHABLE) !== 0) return true;
    if ((now & NUD_FAILED) !== 0) return false;
  }
  return undefined;
}

/** NUD_* bits; undefined when the kernel does not know this neighbour. */
function readState(rt: NetlinkSocket, index: number, address: IpAddress): number | undefined {
  const what = `cannot read the neighbour ${formatIp(address)}`;
  try {
    const [message] = rt.request(what, RTM_GETNEIGH, 0, neighbour(index, address, 0));
    return message === undefined ? undefined : new ByteReader(message.body).u16(8);
  } catch (error) {
    // EOPNOTSUPP: before Linux 5.0 neighbours could not be asked for one by one.
    if (isErrno(error, "ENOENT", "EOPNOTSUPP")) return undefined;
    throw error;
  }
}

function forget(rt: NetlinkSocket, index: number, address: IpAddress): void {
  const what = `cannot forget the neighbour ${formatIp(address)}`;
  try {
    rt.request(what, RTM_DELNEIGH, 0, neighbour(index, address, 0));
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}

/** struct ndmsg, and the address. */
function neighbour(index: number, address: IpAddress, flags: number): Uint8Array {
  const header = new Uint8Array(12);
  header[0] = addressFamily(address.family);
  header.set(new Uint8Array(new Int32Array([index]).buffer), 4);
  header[10] = flags;
  return new AttributeWriter().raw(header).bytes(NDA_DST, ipToBytes(address)).finish();
}
