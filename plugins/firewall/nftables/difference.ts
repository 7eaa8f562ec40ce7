import { formatIp, type IpAddress } from "../../../shared/ip/address.ts";
import type { ChainName } from "../../../shared/nftables/chain.ts";
import type { Nftables } from "../../../shared/nftables/client.ts";
import { describeInTable, describeTable } from "../../../shared/nftables/command.ts";
import type { Element } from "../../../shared/nftables/element.ts";
import type { Rule } from "../../../shared/nftables/rule.ts";
import type { NamedSet } from "../../../shared/nftables/set.ts";
import {
  readTableState,
  sameRules,
  type TableDefinition,
} from "../../../shared/nftables/table-definition.ts";
import type { Admission } from "../attachment.ts";
import type { PortIsolation } from "../isolation.ts";
import type { VlanGateway } from "../vlan-gateways.ts";
import { chainOfElement } from "./bridge-chain.ts";
import {
  formerDefinition,
  gatewayElement,
  gatewaySet,
  isolationDefinition,
  portChain,
  portChainRules,
  portElement,
  portMap,
} from "./isolation-table.ts";
import {
  addressElement,
  addressMaps,
  adminChain,
  bridgeChain,
  bridgeChainRules,
  bridgeElement,
  bridgeSet,
  firewallDefinition,
  sameBridgeElement,
  sameBridgeSet,
} from "./table.ts";

/** The first difference between the tables and what ADD makes, in words; undefined without one. Throws SystemError. */
export function differenceFromTables(nftables: Nftables, wanted: Admission): string | undefined {
  const { addresses, isolation, comment } = wanted;
  for (const difference of [
    () => differenceOfTable(nftables, firewallDefinition()),
    () => (nftables.getChain(adminChain) === undefined ? missing("chain", adminChain) : undefined),
    ...addresses.map((address) => () => differenceOfAddress(nftables, address, isolation?.bridge, comment)),
    ...(isolation === undefined ? [] : differencesOfPolicy(nftables, isolation, comment)),
  ]) {
    const found = difference();
    if (found !== undefined) return found;
  }
  return undefined;
}

function missing(what: string, { table, name }: ChainName): string {
  return `${what} ${describeInTable(table, name)} is missing`;
}

function differenceOfTable(nftables: Nftables, definition: TableDefinition): string | undefined {
  const { table, sets, chains } = definition;
  const state = readTableState(nftables, definition);
  if (!state.exists) return `table ${describeTable(table)} is missing`;
  const set = sets.find(({ name }) => !state.sets.has(name));
  if (set !== undefined) return missing(set.data === undefined ? "set" : "map", { table, name: set.name });
  for (const { name, rules } of chains) {
    if (!state.chains.has(name)) return missing("chain", { table, name });
    const present = state.rules.filter(({ chain }) => chain.name === name);
    const difference = differenceOfRules({ table, name }, present, rules);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function differenceOfRules(
  chain: ChainName,
  present: readonly Rule[],
  rules: readonly Rule[],
): string | undefined {
  if (sameRules(present, rules)) return undefined;
  const what = `chain ${describeInTable(chain.table, chain.name)}`;
  if (present.length === 0) return `${what} has lost its rules`;
  return `${what} has other rules than the plugin makes`;
}

function differenceOfAddress(
  nftables: Nftables,
  address: IpAddress,
  bridge: string | undefined,
  comment: string,
): string | undefined {
  const map = addressMaps[address.family];
  return differenceOfElement(nftables, map, addressElement(address, bridge, comment), formatIp(address));
}

function differenceOfElement(
  nftables: Nftables,
  map: NamedSet,
  wanted: Element,
  name: string,
): string | undefined {
  const where = `${map.data === undefined ? "set" : "map"} ${describeInTable(map.table, map.name)}`;
  const element = nftables.getElement(map, wanted);
  if (element === undefined) return `${name} is missing in ${where}`;
  if (element.comment !== wanted.comment) {
    return `${name} in ${where} belongs to ${element.comment ?? "nobody"}, not to ${wanted.comment ?? "nobody"}`;
  }
  const [chain, other] = [wanted, element].map(chainOfElement);
  return chain === other
    ? undefined
    : `${name} in ${where} leads to ${other ?? "no chain of a bridge"}, not to ${chain ?? "accept"}`;
}

/** Functions for the differences of a policy, in the order in which to call them. */
function differencesOfPolicy(
  nftables: Nftables,
  isolation: PortIsolation,
  comment: string,
): (() => string | undefined)[] {
  const { policy, bridge, ports } = isolation;
  const within = () => nftables.getElement(sameBridgeSet, sameBridgeElement(bridge)) !== undefined;
  return [
    () => differenceOfChain(nftables, bridgeChain(bridge), bridgeChainRules()),
    () =>
      nftables.getElement(bridgeSet, bridgeElement(bridge)) === undefined
        ? `bridge ${bridge} is missing in set ${describeInTable(bridgeSet.table, bridgeSet.name)}: it has no policy`
        : undefined,
    () =>
      within() === (policy === "same-bridge")
        ? undefined
        : `bridge ${bridge} has the policy ${within() ? "same-bridge" : "isolated"}, not ${policy}`,
    ...(policy === "isolated" && ports.length > 0
      ? [
          () => differenceOfPorts(nftables, isolation, comment),
          () => differenceOfGateways(nftables, isolation),
        ]
      : []),
  ];
}

/** The first difference in the isolation of these ports; undefined without one. */
export function differenceOfPorts(
  nftables: Nftables,
  { bridge, ports }: PortIsolation,
  comment: string,
): string | undefined {
  const differenceOfPort = (port: string) =>
    differenceOfElement(nftables, portMap, portElement(port, bridge, comment), `port ${port}`);
  const differenceOfIsolation = (): string | undefined => {
    const difference = differenceOfTable(nftables, isolationDefinition());
    const isolates =
      difference === undefined || differenceOfTable(nftables, formerDefinition()) === undefined;
    return isolates ? undefined : difference;
  };
  return (
    differenceOfIsolation() ??
    ports.map(differenceOfPort).find((difference) => difference !== undefined) ??
    differenceOfChain(nftables, portChain(bridge), portChainRules())
  );
}

/** The first difference that keeps isolated ports from the gateways of their VLANs; undefined without one. */
export function differenceOfGateways(
  nftables: Nftables,
  { gateways = [] }: PortIsolation,
): string | undefined {
  if (gateways.length === 0) return undefined;
  const differenceOfGateway = (gateway: VlanGateway) =>
    differenceOfElement(
      nftables,
      gatewaySet,
      gatewayElement(gateway),
      `port ${gateway.port} of ${gateway.name}`,
    );
  return (
    differenceOfTable(nftables, isolationDefinition()) ??
    gateways.map(differenceOfGateway).find((difference) => difference !== undefined)
  );
}

function differenceOfChain(nftables: Nftables, chain: ChainName, rules: readonly Rule[]): string | undefined {
  return differenceOfRules(chain, nftables.listRules(chain.table, chain.name), rules);
}
