import type { UndoStack } from "../../../shared/cni/undo-stack.ts";
import type { IpPrefix } from "../../../shared/ip/prefix.ts";
import { findLink, type Link } from "../../../shared/rtnetlink/link.ts";
import { whileNobodyAttaches } from "../bridge-lock.ts";
import { type BridgeConfig, vlanInterfaceName } from "../config.ts";
import { hasPorts } from "../host-bridge.ts";
import type { Places } from "../places.ts";
import { addGatewayAddresses, type GatewayPlan, planGateway } from "./addresses.ts";
import { fixMac } from "./fixed-mac.ts";
import { ensureVlanGateway } from "./vlan-gateway.ts";

/** The gateway that the host is to be for a network: on the bridge itself, or on an interface of the VLAN. */
interface WantedGateway {
  readonly bridge: Link;
  /** None: the host is no gateway. */
  readonly addresses: readonly IpPrefix[];
  readonly config: BridgeConfig;
}

/**
 * Fixes the MAC of a bridge that is a gateway, and returns the addresses that the gateway's link lacks. The others stay
 * while the container's port exists: no failed ADD takes them back then.
 *
 * @throws CniError code 103 when the link has addresses that contradict, and `forceAddress` is off.
 */
export function missingAddresses({ host }: Places, wanted: WantedGateway): readonly IpPrefix[] {
  const { bridge, addresses, config } = wanted;
  if (addresses.length === 0) return [];
  // At once, as the container's port may have changed it.
  if (config.vlans.vlan === 0) fixMac(host, bridge, config.bridge);
  const link = config.vlans.vlan === 0 ? bridge : findLink(host, vlanInterfaceName(config));
  return link === undefined ? addresses : planGateway(host, link, addresses, config.forceAddress).missing;
}

/** The link that has the gateway's addresses, and which of its other addresses are still to be replaced. */
interface Gateway {
  readonly link: Link;
  readonly plan: GatewayPlan;
}

/**
 * Makes sure that the gateway's link exists and has its addresses. Returns undefined when the host is no gateway.
 *
 * @param missing the result of `missingAddresses`, looked at again unless it is empty.
 * @throws CniError
 */
export function ensureGateway(
  places: Places,
  { bridge, addresses, config }: WantedGateway,
  missing: readonly IpPrefix[],
  undo: UndoStack,
): Gateway | undefined {
  if (addresses.length === 0) return undefined;
  const link = gatewayLink(places, bridge, config, undo);
  if (missing.length === 0) return { link, plan: { missing: [], contradicting: [] } };
  const { host } = places;
  // Others may have given it some meanwhile.
  const plan = planGateway(host, link, addresses, config.forceAddress);
  const pushUndo = (work: () => void): void =>
    undo.push(() =>
      whileNobodyAttaches(() => {
        if (!hasPorts(host, bridge, link)) work();
      }),
    );
  addGatewayAddresses(host, link, plan.missing, pushUndo);
  return { link, plan };
}

function gatewayLink(places: Places, bridge: Link, config: BridgeConfig, undo: UndoStack): Link {
  if (config.vlans.vlan === 0) return bridge;
  const link = ensureVlanGateway(places, bridge, config, undo);
  fixMac(places.host, link, vlanInterfaceName(config));
  return link;
}
