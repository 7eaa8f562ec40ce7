import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { PortVlan } from "../../shared/rtnetlink/bridge-vlan.ts";

/** The VLANs that a container's port belongs to. All of this is pure. */
export interface VlanConfig {
  /** Access VLAN, or native VLAN of a trunk; 0 for none. */
  readonly vlan: number;
  /** Tagged VLANs, ascending. */
  readonly trunk: readonly number[];
  /** The port stays a member of the bridge's default VLAN. */
  readonly preserveDefaultVlan: boolean;
}

/** One item of `vlanTrunk`. */
interface TrunkItem {
  readonly id?: number | undefined;
  readonly minID?: number | undefined;
  readonly maxID?: number | undefined;
}

const maxVlan = 4094;

/** @throws CniError code 7 when `vlan` is no VLAN ID (0 means none). */
export function assertVlanId(vlan: number): void {
  if (vlan >= 0 && vlan <= maxVlan) return;
  throw invalid(`invalid VLAN ID ${vlan} (must be between 0 and ${maxVlan})`, 'correct "vlan" in the config');
}

/**
 * The VLAN IDs of `vlanTrunk`: ascending, each once. An empty item adds nothing.
 *
 * @throws CniError code 7
 */
export function trunkIds(items: readonly TrunkItem[]): number[] {
  const ids = new Set<number>();
  for (const [index, { id, minID, maxID }] of items.entries()) {
    const details = `vlanTrunk[${index}]: VLAN IDs go from 1 to ${maxVlan}, minID is not above maxID`;
    const isId = (value: number): boolean => value > 0 && value <= maxVlan;
    if (minID !== undefined && maxID !== undefined) {
      if (!isId(minID)) throw invalid("incorrect trunk minID parameter", details);
      if (!isId(maxID)) throw invalid("incorrect trunk maxID parameter", details);
      if (maxID < minID) throw invalid("minID is greater than maxID in trunk parameter", details);
      for (let value = minID; value <= maxID; value++) ids.add(value);
    } else if (minID !== undefined || maxID !== undefined) {
      const missing = minID === undefined ? "minID" : "maxID";
      throw invalid(`minID and maxID should be configured simultaneously, ${missing} is missing`, details);
    }
    if (id === undefined) continue;
    if (!isId(id)) throw invalid("incorrect trunk id parameter", details);
    ids.add(id);
  }
  return [...ids].sort((a, b) => a - b);
}

/** The change of a new port's VLANs: first those to leave, then those to join. */
interface PortVlanPlan {
  readonly leave: readonly number[];
  readonly join: readonly PortVlan[];
}

/** Plans the VLANs of a new port, which is a member of nothing but the bridge's default VLAN. */
export function planPortVlans(config: VlanConfig, defaultPvid: number): PortVlanPlan {
  const { vlan, trunk, preserveDefaultVlan } = config;
  if (vlan === 0 && trunk.length === 0) return { leave: [], join: [] };
  // A trunk without a native VLAN carries untagged frames in VLAN 1.
  const native: PortVlan = { id: vlan === 0 ? 1 : vlan, pvid: true, untagged: true };
  // The native VLAN stays untagged even if the trunk lists it.
  const tagged = trunk.filter((id) => id !== native.id).map((id) => ({ id, pvid: false, untagged: false }));
  return {
    leave: preserveDefaultVlan || defaultPvid === 0 || defaultPvid === native.id ? [] : [defaultPvid],
    join: [native, ...tagged],
  };
}

function invalid(msg: string, details: string): CniError {
  return new CniError(ErrorCode.invalidConfig, msg, details);
}
