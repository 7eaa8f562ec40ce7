import { sameBytes } from "../../../shared/nftables/bytes.ts";
import { addChain, type ChainName, flushChain } from "../../../shared/nftables/chain.ts";
import type { Nftables } from "../../../shared/nftables/client.ts";
import type { Command } from "../../../shared/nftables/command.ts";
import { addElements, deleteElements, type Element } from "../../../shared/nftables/element.ts";
import { addRule, type Rule } from "../../../shared/nftables/rule.ts";
import { completeTable, readTableState, sameRules } from "../../../shared/nftables/table-definition.ts";
import type { VlanGateway } from "../vlan-gateways.ts";
import {
  gatewayElement,
  gatewaySet,
  isolationDefinition,
  portChain,
  portChainRules,
  portMap,
} from "./isolation-table.ts";
import { noneHeld } from "./owners.ts";
import { planRelease } from "./release.ts";
import {
  bridgeChain,
  bridgeChainRules,
  bridgeElement,
  bridgeSet,
  sameBridgeElement,
  sameBridgeSet,
} from "./table.ts";
import type { BridgePolicy } from "./wanted.ts";

/** The chain to which the addresses of a bridge's containers lead. */
export function completeBridgeChain(nftables: Nftables, bridge: string): Command[] {
  return completeChain(nftables, bridgeChain(bridge), bridgeChainRules());
}

/** The bridge's policy is that of the last ADD. */
export function planPolicy(nftables: Nftables, { policy, bridge }: BridgePolicy): Command[] {
  const pair = sameBridgeElement(bridge);
  const isOpenWithin = nftables.getElement(sameBridgeSet, pair) !== undefined;
  const within = policy === "same-bridge";
  return [
    ...(nftables.getElement(bridgeSet, bridgeElement(bridge)) === undefined
      ? addElements(bridgeSet, [bridgeElement(bridge)])
      : []),
    ...(within && !isOpenWithin ? addElements(sameBridgeSet, [pair]) : []),
    ...(!within && isOpenWithin ? deleteElements(sameBridgeSet, [pair]) : []),
  ];
}

/** The ports that are isolated after an ADD: the container's own, unless the bridge's policy is another. */
export function planPorts(
  nftables: Nftables,
  isolation: BridgePolicy | undefined,
  missing: readonly Element[],
  leaving: readonly Element[],
): Command[] {
  const release = (kept?: string): Command[] => planRelease(nftables, { ...noneHeld, ports: leaving }, kept);
  if (isolation === undefined) return release();
  const { policy, bridge, ports, gateways = [] } = isolation;
  const chain = portChain(bridge);
  if (policy !== "isolated") {
    // Ports that were isolated before are no longer.
    const isolates = nftables.listRules(chain.table, chain.name).length > 0;
    return [...(isolates ? [flushChain(chain)] : []), ...release()];
  }
  if (ports.length === 0) return release();
  return [
    ...completeTable(isolationDefinition(), readTableState(nftables, isolationDefinition())),
    ...completeChain(nftables, chain, portChainRules()),
    ...release(bridge),
    ...addElements(portMap, missing),
    ...planGateways(nftables, gateways),
  ];
}

/** A gateway that was made anew has another port than before. */
function planGateways(nftables: Nftables, gateways: readonly VlanGateway[]): Command[] {
  if (gateways.length === 0) return [];
  const present = nftables.findElements(gatewaySet, "");
  const wanted = gateways.map(gatewayElement);
  const isIn = (elements: readonly Element[], one: Element): boolean =>
    elements.some((other) => other.comment === one.comment && sameBytes(other.key, one.key));
  const former = present.filter(
    (element) => gateways.some(({ name }) => name === element.comment) && !isIn(wanted, element),
  );
  const missing = wanted.filter((element) => !isIn(present, element));
  return [...deleteElements(gatewaySet, former), ...addElements(gatewaySet, missing)];
}

function completeChain(nftables: Nftables, chain: ChainName, rules: readonly Rule[]): Command[] {
  const present = nftables.listRules(chain.table, chain.name);
  const isSame = sameRules(present, rules);
  return [
    ...(nftables.getChain(chain) === undefined ? [addChain(chain)] : []),
    ...(isSame || present.length === 0 ? [] : [flushChain(chain)]),
    ...(isSame ? [] : rules.map((rule) => addRule(chain, rule))),
  ];
}
