import { type IpAddress, ipFromBytes, sameIp } from "../../../shared/ip/address.ts";
import type { IpPrefix } from "../../../shared/ip/prefix.ts";
import { ByteReader } from "../../../shared/netlink/attribute-reader.ts";
import type { Nftables } from "../../../shared/nftables/client.ts";
import type { Command } from "../../../shared/nftables/command.ts";
import { addressValue } from "../../../shared/nftables/data-type.ts";
import { deleteRule, type ListedRule } from "../../../shared/nftables/rule.ts";
import type { Holder } from "../gone.ts";
import { type Holders, portTaken } from "../holders.ts";
import { type PortMapping, protocolNumbers, protocols } from "../mappings.ts";
import type { PublishedPort } from "../published.ts";

export function goTable(family: 4 | 6) {
  return { family: family === 4 ? "ip" : "ip6", name: "cni_hostport" } as const;
}

/** Those of the Go plugin's chains that hold rules of containers. */
const chains = ["hostports", "hostip_hostports", "masquerading"] as const;

/**
 * What removes what the Go plugin's nftables backend has made for a container, and what that publishes. Its rules tell
 * the container's ID only, so those of the container's other networks look alike: where the addresses of this network are
 * known, only rules that name one of them are removed; otherwise all of the container, as the Go plugin does.
 */
export function planGoRemoval(
  nftables: Nftables,
  family: 4 | 6,
  containerId: string,
  addresses: readonly IpAddress[],
): { readonly commands: readonly Command[]; readonly published: readonly PublishedPort[] } {
  const table = goTable(family);
  if (nftables.getTable(table) === undefined) return { commands: [], published: [] };
  const ofFamily = addresses.filter((address) => address.family === family);
  const rules = chains
    .flatMap((chain) => nftables.findRules(table, chain, containerId))
    .filter(({ comment }) => comment === containerId)
    .filter((rule) => ofFamily.length === 0 || ofFamily.some((address) => names(rule, address)));
  return {
    commands: rules.map(deleteRule),
    published: rules.map(publishedByRule).filter((port) => port !== undefined),
  };
}

/** Whether an address stands in a rule, to be compared with or as destination. */
export function names({ expressions }: ListedRule, address: IpAddress): boolean {
  const value = addressValue(address);
  return expressions.some(
    (expression) =>
      (expression.kind === "cmp" || expression.kind === "immediate") &&
      Buffer.compare(expression.value, value) === 0,
  );
}

/** What makes room, where the Go plugin's rules publish one of the ports for a container that is gone. */
interface GoHolders {
  readonly commands: readonly Command[];
  readonly takenOver: readonly PublishedPort[];
}

/**
 * Its rules come before ours: a port that they publish would never get to ours. Those for another address of the
 * same container are left alone: they are another network's.
 *
 * @throws CniError code 103 when a holder is not known to be gone.
 */
export function planGoTakeover(
  nftables: Nftables,
  mappings: readonly PortMapping[],
  { address: own }: IpPrefix,
  containerId: string | undefined,
  holders: Holders,
): GoHolders {
  const published = goPorts(nftables, own.family);
  const held = published.flatMap(({ id, port }) => {
    const mapping = mappings.find((wanted) => overlaps(wanted, port));
    const isSibling = id !== undefined && id === containerId && !sameIp(port.container, own);
    if (mapping === undefined || isSibling) return [];
    return [{ id, mapping, holder: goHolder(id, port.container) }];
  });
  const others = held.filter(({ id }) => id === undefined || id !== containerId);
  const isGone = holders.verdicts(others.map(({ holder }) => holder));
  for (const { mapping, holder } of others) if (!isGone(holder)) throw portTaken(mapping, holder);
  return goRemovals(nftables, own.family, held);
}

/** What removes the rules of containers that are gone, but lead to an address. */
export function planGoRemovalAt(
  nftables: Nftables,
  address: IpAddress,
  containerId: string,
  holders: Holders,
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

/** A port that the Go plugin's rules publish, and the container's ID. */
interface GoPort {
  readonly id: string | undefined;
  readonly port: PublishedPort;
}

function goPorts(nftables: Nftables, family: 4 | 6): GoPort[] {
  const table = goTable(family);
  if (nftables.getTable(table) === undefined) return [];
  return (["hostports", "hostip_hostports"] as const)
    .flatMap((chain) => nftables.listRules(table, chain))
    .flatMap((rule) => {
      const port = publishedByRule(rule);
      return port === undefined ? [] : [{ id: rule.comment, port }];
    });
}

/** The rules do not tell the network, so that no lease can say that its holder is gone. */
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
  family: 4 | 6,
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

function overlaps({ protocol, hostPort, hostIp }: PortMapping, port: PublishedPort): boolean {
  if (protocol !== port.protocol || hostPort !== port.hostPort) return false;
  return hostIp === undefined || port.hostIp === undefined || sameIp(hostIp, port.hostIp);
}

/** What `[ip daddr A] tcp dport P dnat to A:P` publishes; undefined for other rules. */
export function publishedByRule({ expressions }: ListedRule): PublishedPort | undefined {
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
