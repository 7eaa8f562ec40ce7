import { lazy } from "../../shared/basics/lazy.ts";
import { forgetConnections, forgetMeant } from "../../shared/conntrack/client.ts";
import type { ConntrackEntry } from "../../shared/conntrack/entry.ts";
import { type IpAddress, type IpFamily, isLoopback, sameIp } from "../../shared/ip/address.ts";
import { listAddresses } from "../../shared/rtnetlink/address.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { type PortMapping, type PublishedPort, protocolNumbers } from "./mappings.ts";

/**
 * Protocols whose tracked connections have no end: while packets come, they go where the first one went, whatever the
 * rules are by now.
 */
export const datagramProtocols: ProtocolNumbers = new Map([
  ["udp", protocolNumbers.udp],
  ["sctp", protocolNumbers.sctp],
]);

/** All protocols: when the container is gone, TCP's entries lead nowhere either, and some stay for days. */
const allProtocols: ProtocolNumbers = new Map(Object.entries(protocolNumbers));

type ProtocolNumbers = ReadonlyMap<string, number>;

/**
 * Forgets connections to ports of this host that are tracked since before the ports were published. Connections to the
 * same port of other hosts stay.
 *
 * @throws SystemError
 */
export function forgetEarlierConnections(mappings: readonly PortMapping[], container: IpAddress): void {
  const { family } = container;
  const tracked = mappings.flatMap((mapping) => {
    const protocol = datagramProtocols.get(mapping.protocol);
    return protocol === undefined ? [] : [{ ...mapping, protocol, destinationPort: mapping.hostPort }];
  });
  if (tracked.length === 0) return;
  const locals = lazy(() => localAddresses(family));
  const isLocal = (address: IpAddress): boolean =>
    isLoopback(address) || locals().some((local) => sameIp(local, address));
  const isMeant = (
    { protocol, destinationPort, hostIp }: (typeof tracked)[number],
    { protocol: other, original, reply }: ConntrackEntry,
  ): boolean => {
    if (protocol !== other || original.destinationPort !== destinationPort) return false;
    if (hostIp !== undefined) return sameIp(original.destination, hostIp);
    return sameIp(reply.source, container) || isLocal(original.destination);
  };
  const filters = tracked.map(({ protocol, destinationPort }) => ({ protocol, destinationPort }));
  forgetMeant(family, filters, (entry) => tracked.some((mapping) => isMeant(mapping, entry)));
}

/**
 * Forgets connections that lead to containers by these ports, when they are no longer published.
 *
 * @throws SystemError
 */
export function forgetLeftConnections(published: readonly PublishedPort[]): void {
  for (const family of [4, 6] as const) {
    const ports = published.filter(({ container }) => container.family === family);
    forgetConnections(
      family,
      ports.flatMap(({ protocol: name, hostPort, container, containerPort }) => {
        const protocol = allProtocols.get(name);
        if (protocol === undefined) return [];
        const leading = { destinationPort: hostPort, answeredBy: container, answeredFromPort: containerPort };
        return [{ protocol, ...leading }];
      }),
    );
  }
}

function localAddresses(family: IpFamily): IpAddress[] {
  const rt = openRtnetlink();
  try {
    return listAddresses(rt, { family }).map(({ prefix }) => prefix.address);
  } finally {
    rt.close();
  }
}
