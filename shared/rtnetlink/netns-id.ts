import { isErrno } from "../errors/system-error.ts";
import { Attributes } from "../netlink/attribute-reader.ts";
import { AttributeWriter } from "../netlink/attribute-writer.ts";
import type { NetlinkSocket } from "../netlink/client.ts";
import { RTM_GETNSID } from "./constants.ts";

// linux/rtnetlink.h, linux/net_namespace.h
const NETNSA_NSID = 1;
const NETNSA_FD = 3;

/**
 * The number by which the socket's namespace knows another one, as in `Link.peerNetnsId`.
 *
 * @param fd an open file of the other namespace.
 * @returns undefined when it has none: no link leads there.
 * @throws SystemError
 */
export function findNetnsId(rt: NetlinkSocket, fd: number): number | undefined {
  const body = new AttributeWriter().raw(new Uint8Array(4)).u32(NETNSA_FD, fd).finish();
  try {
    const [message] = rt.request("cannot look up a namespace's ID", RTM_GETNSID, 0, body);
    const id = message && new Attributes(message.body.subarray(4)).i32(NETNSA_NSID);
    return id === undefined || id < 0 ? undefined : id;
  } catch (error) {
    // Kernels before 4.0 have no such IDs.
    if (isErrno(error, "EOPNOTSUPP", "EINVAL")) return undefined;
    throw error;
  }
}
