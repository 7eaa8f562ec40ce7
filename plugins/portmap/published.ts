import { type IpAddress, parseIp } from "../../shared/ip/address.ts";
import type { Rule } from "../../shared/iptables/rule.ts";
import type { Ruleset } from "../../shared/iptables/ruleset.ts";

/** A published port as an installed rule tells it. */
export interface PublishedPort {
  readonly protocol: string;
  readonly hostPort: number;
  /** Only packets to this address of the host; absent: to any. */
  readonly hostIp?: IpAddress;
  readonly container: IpAddress;
  readonly containerPort: number;
}

/** The ports that containers' chains publish: after the rules are gone nothing else tells. */
export function publishedPorts(current: Ruleset, chains: readonly string[]): PublishedPort[] {
  return portsOfRules(chains.flatMap((chain) => current.rules(chain)));
}

/** The ports that the rules of a container's chain publish. */
export function portsOfRules(rules: readonly Rule[]): PublishedPort[] {
  return rules.map(publishedPort).filter((port) => port !== undefined);
}

function publishedPort(rule: Rule): PublishedPort | undefined {
  const after = (option: string): string => {
    const index = rule.indexOf(option);
    return index === -1 ? "" : (rule[index + 1] ?? "");
  };
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(after("--to-destination")) ?? [];
  const container = parseIp(bracketed ?? plain ?? "");
  const hostPort = Number(after("--dport"));
  if (container === undefined || !Number.isInteger(hostPort) || hostPort === 0) return undefined;
  const hostIp = parseIp(after("-d").split("/")[0] ?? "");
  return {
    protocol: after("-p"),
    hostPort,
    ...(hostIp === undefined ? {} : { hostIp }),
    container,
    containerPort: Number(port),
  };
}
