import { inContainerIfPresent } from "../../shared/cni/container-netns.ts";
import { hostEndOf } from "../../shared/cni/own-link.ts";
import { isAliasOfContainer, isLinkAlias } from "../../shared/cni/owner-alias.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { listLinks, requireLink, setLink } from "../../shared/rtnetlink/link.ts";
import { loopbackName } from "./lo.ts";

/** Sets lo down. Does nothing when the namespace is gone, or is another container's by now. */
export function del(request: Request): void {
  const host = openRtnetlink();
  try {
    inContainerIfPresent(request, () => {
      const rt = openRtnetlink();
      try {
        if (!isOthers(request, rt, host)) setLink(rt, requireLink(rt, loopbackName), { up: false });
      } finally {
        rt.close();
      }
    });
  } finally {
    host.close();
  }
}

/** True when the namespace is another container's: lo has no owner mark, but the veth links beside it have one. */
function isOthers({ containerId }: Request, rt: NetlinkSocket, host: NetlinkSocket): boolean {
  const aliases = listLinks(rt)
    .filter(({ kind }) => kind === "veth")
    .map((link) => hostEndOf(host, link)?.alias ?? "")
    .filter(isLinkAlias);
  return aliases.length > 0 && !aliases.some((alias) => isAliasOfContainer(containerId, alias));
}
