import { sameIp } from "../../../shared/ip/address.ts";
import type { IpPrefix } from "../../../shared/ip/prefix.ts";
import type { Nftables } from "../../../shared/nftables/client.ts";
import type { PortmapConfig } from "../config.ts";
import { mappingsOf, type PortMapping } from "../mappings.ts";
import type { PublishedPort } from "../published.ts";
import { goTable, names, publishedByRule } from "./go-rules.ts";

/**
 * Whether the Go plugin's nftables backend publishes all ports of a container for its address: rules for each port, to
 * which the hooks lead, and one that masquerades. Throws SystemError.
 */
export function isPublishedByGo(
  nftables: Nftables,
  config: PortmapConfig,
  { address: container }: IpPrefix,
  containerId: string,
): boolean {
  const { family } = container;
  const table = goTable(family);
  if (nftables.getTable(table) === undefined) return false;
  // The kernel counts a chain's rules and what leads to it.
  const isReached = (name: string): boolean =>
    (nftables.getChain({ table, name })?.uses ?? 0) > nftables.listRules(table, name).length;
  if (!isReached("hostports_all")) return false;
  const ports = (["hostports", "hostip_hostports"] as const).flatMap((name) => {
    const rules = isReached(name) ? nftables.findRules(table, name, containerId) : [];
    return rules.filter(({ comment }) => comment === containerId).map(publishedByRule);
  });
  // A condition may compare addresses, too.
  const isPlain = config.nftConditions[family].text === "";
  const isThere = (mapping: PortMapping): boolean =>
    ports.some(
      (port) => port !== undefined && sameIp(port.container, container) && isFor(mapping, port, isPlain),
    );
  if (!mappingsOf(config.mappings, family).every(isThere)) return false;
  if (config.masquerade.kind === "off") return true;
  return nftables
    .findRules(table, "masquerading", containerId)
    .some((rule) => rule.comment === containerId && names(rule, container));
}

function isFor(wanted: PortMapping, port: PublishedPort, withHostIp: boolean): boolean {
  const { protocol, hostPort, containerPort, hostIp } = wanted;
  if (protocol !== port.protocol || hostPort !== port.hostPort || containerPort !== port.containerPort)
    return false;
  if (!withHostIp) return true;
  return hostIp === undefined || port.hostIp === undefined
    ? hostIp === port.hostIp
    : sameIp(hostIp, port.hostIp);
}
