import type { AttachmentKey } from "../../shared/cni/attachment-key.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { groupOfNetwork } from "../../shared/cni/owner-alias.ts";
import type { UndoStack } from "../../shared/cni/undo-stack.ts";
import { isErrno } from "../../shared/errors/system-error.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { deleteLink, findLink, type Link, requireLink } from "../../shared/rtnetlink/link.ts";
import { createVethPair } from "../../shared/rtnetlink/veth.ts";
import { hostLinkName, hostLinkNames } from "./host-end.ts";
import type { Places } from "./places.ts";

/** The two ends of an attachment's veth pair. */
export interface VethEnds {
  readonly host: Link;
  readonly container: Link;
}

/** The settings of a new container's end. */
interface VethSettings {
  /** 0 leaves the kernel's default. */
  readonly mtu: number;
  /** Undefined lets the kernel choose. */
  readonly mac: string | undefined;
}

/**
 * Creates the veth pair of an attachment: the container's end in the container's namespace, still down, and the host's
 * end.
 *
 * @throws CniError code 103 when the container has an interface of this name.
 */
export function createVeth(
  { host, container, hostNetns }: Places,
  key: AttachmentKey,
  { mtu, mac }: VethSettings,
  undo: UndoStack,
): VethEnds {
  for (let attempt = 0; ; attempt++) {
    const peerName = hostLinkName(key, attempt);
    try {
      createVethPair(container, {
        name: key.ifname,
        mtu,
        peerName,
        peerNetns: hostNetns.fd,
        peerGroup: groupOfNetwork(key.network),
        ...(mac === undefined ? {} : { mac }),
      });
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
      assertAbsent(container, key.ifname);
      if (attempt + 1 < hostLinkNames) continue;
      throw new CniError(
        ErrorCode.conflict,
        `failed to find a unique veth name: "${peerName}" already exists`,
        "an earlier attachment of this container was not removed: call DEL for it",
      );
    }
    const hostEnd = { ...requireLink(host, peerName), name: peerName };
    // Deleting one end deletes both.
    undo.push(() => deleteLink(host, hostEnd));
    return { host: hostEnd, container: otherEnd(container, key.ifname, hostEnd) };
  }
}

/** The container's end. A process in the container may have given its name to another link meanwhile. */
function otherEnd(container: NetlinkSocket, ifname: string, hostEnd: Link): Link {
  const link = requireLink(container, ifname);
  const isIt = link.kind === "veth" && link.index === hostEnd.peerIndex && link.peerIndex === hostEnd.index;
  if (isIt) return { ...link, name: ifname };
  throw new CniError(
    ErrorCode.conflict,
    `"${ifname}" in the container is not the other end of "${hostEnd.name}"`,
    "something in the container renames interfaces while it is attached",
  );
}

/** @throws CniError code 103 when the container has an interface of this name already. */
export function assertAbsent(container: NetlinkSocket, ifname: string): void {
  const existing = findLink(container, ifname);
  if (existing === undefined) return;
  throw new CniError(
    ErrorCode.conflict,
    `container veth name ("${ifname}") already exists`,
    `the container has an interface ${ifname}: call DEL first, or choose another CNI_IFNAME`,
  );
}
