import { lazy } from "../../shared/basics/lazy.ts";
import { ownerComment } from "../../shared/cni/owner-comment.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { prevResultIfUsable } from "../../shared/cni/prev-result.ts";
import { withAttempts } from "../../shared/cni/undo-stack.ts";
import type { Iptables } from "../../shared/iptables/client.ts";
import type { Departure } from "./backend.ts";
import type { PortmapConfig } from "./config.ts";
import { closeFor } from "./localhost/guard.ts";
import { mappingsOf } from "./mappings.ts";
import { containerAddresses, type Publication, publicationsOf } from "./publication.ts";
import { createBackends } from "./setup.ts";
import { datagramProtocols, forgetLeftConnections } from "./stale-connections.ts";

/**
 * DEL: removes the container's ports of both families from both backends, whatever ADD used. It needs neither mappings
 * nor a previous result, and is done when nothing is there.
 *
 * @param decode returns the configuration; undefined when it is wrong.
 * @throws CniError
 */
export function del(request: Request, decode: () => PortmapConfig | undefined, iptables: Iptables): void {
  const { network, containerId, ifname } = request;
  const attachment = { network, containerId, ifname };
  const backends = createBackends(iptables);
  const previous = prevResultIfUsable(request);
  const known = previous === undefined ? {} : containerAddresses(previous, ifname);
  const departure: Departure = {
    attachment,
    addresses: Object.values(known).map(({ address }) => address),
    promised: lazy(() => {
      const config = previous && decode();
      if (previous === undefined || config === undefined) return [];
      return publicationsOf(attachment, config, previous, backends.iptables.publishesIdle);
    }),
  };
  withAttempts((attempt) => {
    const inIptables = attempt(() => backends.iptables.del(departure));
    const inNftables = attempt(() => backends.nftables.del(departure));
    // Where rules were flushed, only the configuration tells of connections. They keep a service of the host deaf.
    if (inIptables !== true && inNftables !== true) attempt(() => forgetPromised(departure.promised()));
    attempt(() => closeFor(iptables, ownerComment(attachment)));
  });
}

/** Forgets datagrams' connections to ports that an ADD would have published. */
function forgetPromised(promised: readonly Publication[]): void {
  forgetLeftConnections(
    promised.flatMap(({ config, family, container: { address } }) =>
      mappingsOf(config.mappings, family)
        .filter(({ protocol }) => datagramProtocols.has(protocol))
        .map((mapping) => ({ ...mapping, container: address })),
    ),
  );
}
