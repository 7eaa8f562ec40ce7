import { type IpAddress, type IpFamily, ipFromBytes, sameIp } from "../../../shared/ip/address.ts";
import { ByteReader } from "../../../shared/netlink/attribute-reader.ts";
import { hasNftables, type Nftables, openNftables } from "../../../shared/nftables/client.ts";
import type { Command } from "../../../shared/nftables/command.ts";
import { addressValue } from "../../../shared/nftables/data-type.ts";
import { deleteRule, type ListedRule } from "../../../shared/nftables/rule.ts";
import type { Holder } from "../holders/gone.ts";
import { type KnownHolders, portTaken } from "../holders/holders.ts";
import {
  mappingsOf,
  overlaps,
  type PortMapping,
  type PublishedPort,
  protocolNumbers,
  protocols,
} from "../mappings.ts";
import type { Publication } from "../publication.ts";

function goTable(family: IpFamily) {
  return { family: family === 4 ? "ip" : "ip6", name: "cni_hostport" } as const;
}

/** The Go plugin's chains that hold rules of containers. */
const chains = ["hostports", "hostip_hostports", "masquerading"] as const;

/**
 * Returns the commands that remove what the Go plugin's nftables backend has made for a container, and what that
 * publishes. Its rules have only the container's ID, so that those of the container's other networks look alike. If
 * addresses of this network are known, only rules that name one of them are removed; otherwise all of the container, as by
 * the Go plugin.
 */
export function planGoRemoval(
  nftables: Nftables,
  family: IpFamily,
  containerId: string,
  addresses: readonly IpAddress[],
): { readonly commands: readonly Command[]; readonly published: readonly PublishedPort[] } {
  const table = goTable(family);
  if (nftables.getTable(table) === undefined) return { commands: [], published: [] };
  const ofFamily = addresses.filter((address) => address.family === family);
  const rules = chains
    .flatMap((chain) => nftables.findRules(table, chain, containerId))
    .filter(({ comment }) => comment === containerId)
    .filter((rule) => ofFamily.length === 0 || ofFamily.some((address) => mentions(rule, address)));
  return {
    commands: rules.map(deleteRule),
    published: rules.map(publishedByRule).filter((port) => port !== undefined),
  };
}

/** Whether a rule names an address, to compare with or as destination. */
function mentions({ expressions }: ListedRule, address: IpAddress): boolean {
  const value = addressValue(address);
  return expressions.some(
    (expression) =>
      (expression.kind === "cmp" || expression.kind === "immediate") &&
      Buffer.compare(expression.value, value) === 0,
  );
}

/** The removal of the Go plugin's rules of containers that are gone. */
interface GoHolders {
  readonly commands: readonly Command[];
  readonly takenOver: readonly PublishedPort[];
}

/**
 * Returns the removal of the Go plugin's rules that keep ports from ours: packets pass its rules first. Rules for another
 * address of the same container are another network's and stay.
 *
 * @throws CniError code 103 when a holder is not known to be gone.
 */
export function planGoTakeover(
  nftables: Nftables,
  { attachment: { containerId }, config, family, container: { address: own } }: Publication,
  holders: KnownHolders,
): GoHolders {
  const mappings = mappingsOf(config.mappings, family);
  const published = goPorts(nftables, family);
  const held = published.flatMap(({ id, port }) => {
    const mapping = mappings.find((wanted) => overlaps(wanted, port));
    const isSibling = id === containerId && !sameIp(port.container, own);
    if (mapping === undefined || isSibling) return [];
    return [{ id, mapping, holder: goHolder(id, port.container) }];
  });
  const others = held.filter(({ id }) => id !== containerId);
  const isGone = holders.verdicts(others.map(({ holder }) => holder));
  for (const { mapping, holder } of others) if (!isGone(holder)) throw portTaken(mapping, holder);
  return goRemovals(nftables, family, held);
}

/** Returns the removal of the Go plugin's rules of containers that are gone, but lead to an address. */
export function planGoRemovalAt(
  nftables: Nftables,
  address: IpAddress,
  containerId: string,
  holders: KnownHolders,
): GoHolders {
  const published = goPorts(nftables, address.family);
  const held = published
    .filter(({ id, port }) => id !== containerId && sameIp(port.container, address))
    .map(({ id, port }) => ({ id, holder: goHolder(id, port.container) }));
  const isGone = holders.verdicts(held.map(({ holder }) => holder));
  return goRemovals(
    nftables,
    address.family,
    held.filter(({ holder }) => isGone(holder)),
  );
}

/** A port that the Go plugin's rules publish, and the ID of the container. */
interface GoPort {
  readonly id: string | undefined;
  readonly port: PublishedPort;
}

function goPorts(nftables: Nftables, family: IpFamily): GoPort[] {
  const table = goTable(family);
  if (nftables.getTable(table) === undefined) return [];
  return (["hostports", "hostip_hostports"] as const)
    .flatMap((chain) => nftables.listRules(table, chain))
    .flatMap((rule) => {
      const port = publishedByRule(rule);
      return port === undefined ? [] : [{ id: rule.comment, port }];
    });
}

/** Returns the holder of a rule. Since rules do not tell the network, no lease can show that it is gone. */
function goHolder(id: string | undefined, address: IpAddress): Holder {
  return {
    words: id === undefined ? undefined : `container ${id}`,
    address,
    isOf: () => false,
    is: ({ containerId }) => containerId === id,
  };
}

function goRemovals(
  nftables: Nftables,
  family: IpFamily,
  gone: readonly { readonly id: string | undefined; readonly holder: Holder }[],
): GoHolders {
  const removals = new Map<string, IpAddress[]>();
  for (const { id, holder } of gone) {
    if (id === undefined || holder.address === undefined) continue;
    removals.set(id, [...(removals.get(id) ?? []), holder.address]);
  }
  const plans = [...removals].map(([id, addresses]) => planGoRemoval(nftables, family, id, addresses));
  return {
    commands: plans.flatMap(({ commands }) => commands),
    takenOver: plans.flatMap(({ published }) => published),
  };
}

/** Returns the port that `[ip daddr A] tcp dport P dnat to A:P` publishes; undefined for other rules. */
function publishedByRule({ expressions }: ListedRule): PublishedPort | undefined {
  let loaded: "protocol" | "port" | "address" | "other" = "other";
  const found: { protocol?: number; hostPort?: number; hostIp?: IpAddress } = {};
  let container: IpAddress | undefined;
  let containerPort = 0;
  for (const expression of expressions) {
    if (expression.kind === "meta") loaded = expression.key === "l4proto" ? "protocol" : "other";
    else if (expression.kind === "payload") loaded = expression.base === "transport" ? "port" : "address";
    else if (expression.kind === "cmp") {
      const { value } = expression;
      const hostIp = ipFromBytes(value);
      if (loaded === "protocol" && value.length === 1) found.protocol = value[0] ?? 0;
      else if (loaded === "port" && value.length === 2) found.hostPort = portIn(value);
      else if (loaded === "address" && hostIp !== undefined) found.hostIp = hostIp;
    } else if (expression.kind === "immediate") {
      if (expression.value.length === 2) containerPort = portIn(expression.value);
      else container = ipFromBytes(expression.value);
    }
  }
  const { protocol: number, hostPort, hostIp } = found;
  const protocol = protocols.find((name) => protocolNumbers[name] === number);
  if (protocol === undefined || hostPort === undefined || container === undefined) return undefined;
  return { protocol, hostPort, container, containerPort, ...(hostIp === undefined ? {} : { hostIp }) };
}

function portIn(value: Uint8Array): number {
  return new ByteReader(value).u16be(0);
}

/**
 * Whether the Go plugin's nftables backend publishes all ports of a container for its address: rules for each port, to
 * which the hooks lead, and one that masquerades. Throws SystemError.
 */
export function isPublishedByGo({ attachment, config, family, container }: Publication): boolean {
  if (!hasNftables()) return false;
  const nftables = openNftables();
  const { containerId } = attachment;
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
      (port) =>
        port !== undefined && sameIp(port.container, container.address) && isFor(mapping, port, isPlain),
    );
  if (!mappingsOf(config.mappings, family).every(isThere)) return false;
  if (config.masquerade.kind === "off") return true;
  return nftables
    .findRules(table, "masquerading", containerId)
    .some((rule) => rule.comment === containerId && mentions(rule, container.address));
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
