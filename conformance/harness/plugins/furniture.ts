import { keepLines, type Section, type Snapshot } from "../host/snapshot.ts";

/**
 * Host furniture: what the first attachment sets up for all that follow and no DEL takes away, with the Go plugins
 * and with ours. It belongs to the host, not to one container:
 *
 * - the bridge, its gateway addresses and the routes to its subnets;
 * - portmap's chains CNI-HOSTPORT-DNAT, -SETMARK and -MASQ, with their constant rules and the jumps to them;
 * - firewall's chains CNI-FORWARD and CNI-ADMIN and the isolation stages, with the jumps and the rules for the bridge;
 * - host-local's `lock` and `last_reserved_ip.N`, and `state` of its index; the index's record of an owner is not;
 * - the tables of portmap's (the Go plugin's too) and firewall's nftables backends with their constant chains and rules, and empty sets;
 * - IP forwarding switched on.
 *
 * What carries a container's ID, address, port or interface is never furniture.
 */
export function withoutFurniture(taken: Snapshot, bridge: string): Snapshot {
  const patterns = furniturePatterns(bridge);
  return keepLines(taken, (section, line) => !patterns[section]?.some((pattern) => pattern.test(line)));
}

function furniturePatterns(bridge: string): Partial<Record<Section, RegExp[]>> {
  const rules = [...portmapChains, ...firewallChains(bridge)];
  return {
    links: [new RegExp(`^${bridge} bridge `)],
    addresses: [new RegExp(`^${bridge} `)],
    routes: [new RegExp(` dev ${bridge}( |$)`)],
    iptables: rules,
    ip6tables: rules,
    nft: nftTables,
    files: [/\/(lock|last_reserved_ip\.\d+) /, /\/\.host-local\/[^/]+\/state$/],
    sysctls: [/forward(ing)? = [01]$/],
  };
}

/** A set with elements, or a rule for one container, has something of a container in it. */
const nftTables = [
  /^\{"table":\{"family":"(ip|ip6|inet)","name":"(cni_portmap|cni_hostport|cni_firewall)"/,
  /^\{"(chain|set|map|rule)":\{(?!.*"(elem|comment)":).*"table":"(cni_portmap|cni_hostport|cni_firewall)"/,
];

const portmapChains = [
  /^nat :CNI-HOSTPORT-(DNAT|SETMARK|MASQ) -$/,
  /^nat -A (PREROUTING|OUTPUT) -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT$/,
  /^nat -A POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ$/,
  /^nat -A CNI-HOSTPORT-SETMARK -m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark \S+$/,
  /^nat -A CNI-HOSTPORT-MASQ -m mark --mark \S+ -j MASQUERADE$/,
];

function firewallChains(bridge: string): RegExp[] {
  const comment = '-m comment --comment "CNI firewall plugin [^"]*"';
  return [
    /^filter :CNI-(FORWARD|ADMIN|ISOLATION-STAGE-[12]) -$/,
    new RegExp(`^filter -A FORWARD ${comment} -j CNI-(FORWARD|ISOLATION-STAGE-1)$`),
    new RegExp(`^filter -A CNI-FORWARD ${comment} -j CNI-ADMIN$`),
    new RegExp(
      `^filter -A CNI-ISOLATION-STAGE-1 -i ${bridge} ! -o ${bridge} ${comment} -j CNI-ISOLATION-STAGE-2$`,
    ),
    new RegExp(`^filter -A CNI-ISOLATION-STAGE-1 -i ${bridge} -o ${bridge} ${comment} -j DROP$`),
    new RegExp(`^filter -A CNI-ISOLATION-STAGE-2 -o ${bridge} ${comment} -j DROP$`),
    new RegExp(`^filter -A CNI-ISOLATION-STAGE-[12] ${comment} -j RETURN$`),
  ];
}
