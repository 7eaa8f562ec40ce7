import { type IpAddress, ipFromBytes, sameIp } from "../../../shared/ip/address.ts";
import type { IpPrefix } from "../../../shared/ip/prefix.ts";
import { ByteReader } from "../../../shared/netlink/attribute-reader.ts";
import type { Nftables } from "../../../shared/nftables/client.ts";
import type { Command } from "../../../shared/nftables/command.ts";
import { addressValue } from "../../../shared/nftables/data-type.ts";
import { deleteRule, type ListedRule } from "../../../shared/nftables/rule.ts";
import type { Holders } from "../holders.ts";
import { type PortMapping, protocolNumbers, protocols } from "../mappings.ts";
import type { PublishedPort } from "../published.ts";

function goTable(family: 4 | 6) {
  return { family: family === 4 ? "ip" : "ip6", name: "cni_hostport" } as const;
}

/** Those of the Go plugin's chains that hold rules of containers. */
const chains = ["hostports", "hostip_hostports", "masquerading"] as const;

/**
 * The commands that remove what the Go plugin's nftables backend has made for a container. Its rules tell the
 * container's ID only, so those of the container's other networks look alike: where the addresses of this network are
 * known, only rules that name one of them are removed; otherwise all of the container, as the Go plugin does.
 */
export function planGoRemoval(
  nftables: Nftables,
  family: 4 | 6,
  containerId: string,
  addresses: readonly IpAddress[],
): Command[] {
  const table = goTable(family);
  if (nftables.getTable(table) === undefined) return [];
  const ofFamily = addresses.filter((address) => address.family === family);
  return chains
    .flatMap((chain) => nftables.findRules(table, chain, containerId))
    .filter(({ comment }) => comment === containerId)
    .filter((rule) => ofFamily.length === 0 || ofFamily.some((address) => names(rule, address)))
    .map(deleteRule);
}

/** Whether an address stands in a rule, to be compared with or as destination. */
function names({ expressions }: ListedRule, address: IpAddress): boolean {
  const value = addressValue(address);
  return expressions.some(
    (expression) =>
      (expression.kind === "cmp" || expression.kind === "immediate") &&
      Buffer.compare(expression.value, value) === 0,
  );
}

/** What makes room, where the Go plugin's rules publish one of the ports for a container that is gone. */
export interface GoHolders {
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
  const { family } = own;
  const table = goTable(family);
  if (nftables.getTable(table) === undefined) return { commands: [], takenOver: [] };
  const rules = (["hostports", "hostip_hostports"] as const).flatMap((chain) =>
    nftables.listRules(table, chain).map((rule) => ({ rule, port: publishedByRule(rule) })),
  );
  const gone = new Map<string, IpAddress>();
  for (const { rule, port } of rules) {
    const mapping = mappings.find((wanted) => port !== undefined && overlaps(wanted, port));
    if (mapping === undefined || port === undefined) continue;
    const { comment } = rule;
    if (comment !== undefined && comment === containerId && !sameIp(port.container, own)) continue;
    const owner = comment === undefined ? undefined : `container ${comment}`;
    holders.requireGone(mapping, owner, port.container, own);
    if (comment !== undefined) gone.set(comment, port.container);
  }
  return {
    commands: [...gone].flatMap(([id, address]) => planGoRemoval(nftables, family, id, [address])),
    takenOver: rules.flatMap(({ rule, port }) =>
      port !== undefined && gone.has(rule.comment ?? "") ? [port] : [],
    ),
  };
}

function overlaps({ protocol, hostPort, hostIp }: PortMapping, port: PublishedPort): boolean {
  if (protocol !== port.protocol || hostPort !== port.hostPort) return false;
  return hostIp === undefined || port.hostIp === undefined || sameIp(hostIp, port.hostIp);
}

/** What `[ip daddr A] tcp dport P dnat to A:P` publishes; undefined for other rules. */
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
