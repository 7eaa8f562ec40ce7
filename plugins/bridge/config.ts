import * as z from "zod/mini";
import { parseCniArgs } from "../../shared/cni/cni-args.ts";
import {
  configObject,
  decode,
  optionalBoolean,
  optionalInteger,
  optionalText,
} from "../../shared/cni/config-schema.ts";
import type { Ipam } from "../../shared/cni/delegate.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { commonKeys } from "../../shared/cni/network-config.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Dns } from "../../shared/cni/result.ts";
import { resultFamily } from "../../shared/cni/versions.ts";
import { interfaceNameProblem } from "../../shared/linux/interface-name.ts";
import { parseMac } from "../../shared/rtnetlink/hardware-address.ts";
import { checkVlan, trunkIds, type VlanConfig } from "./vlans.ts";

const masqueradeBackends = ["iptables", "nftables"] as const;
export type MasqueradeBackend = (typeof masqueradeBackends)[number];

/** What the bridge plugin does for one attachment. README.md describes the keys. */
export interface BridgeConfig {
  readonly bridge: string;
  readonly isGateway: boolean;
  readonly isDefaultGateway: boolean;
  readonly forceAddress: boolean;
  readonly ipMasq: boolean;
  /** Undefined: iptables, or nftables where only that is there. */
  readonly ipMasqBackend: MasqueradeBackend | undefined;
  /** 0 leaves the kernel's default. */
  readonly mtu: number;
  readonly hairpinMode: boolean;
  readonly promiscMode: boolean;
  readonly portIsolation: boolean;
  readonly macSpoofCheck: boolean;
  readonly vlans: VlanConfig;
  /** The bridge keeps VLANs apart when this call makes it: also an empty `vlanTrunk` asks for that. */
  readonly vlanFiltering: boolean;
  readonly enableDad: boolean;
  readonly disableContainerInterface: boolean;
  /** Type "" for a network without addresses (layer 2). */
  readonly ipam: Ipam;
  /** Replaces the IPAM plugin's; undefined when the config has none. */
  readonly dns: Dns | undefined;
  /** The container's MAC; undefined lets the kernel choose. */
  readonly mac: string | undefined;
}

/** What names the IPAM plugin. */
export const ipamKeys = {
  ipam: z.optional(configObject({ type: optionalText })),
  ipamInProcess: optionalBoolean,
};

interface IpamKeys {
  readonly ipam?: { readonly type?: string | undefined } | undefined;
  readonly ipamInProcess?: boolean | undefined;
}

export function ipamOf({ ipam, ipamInProcess }: IpamKeys): Ipam {
  return { type: ipam?.type ?? "", inProcess: ipamInProcess ?? true };
}

const schema = configObject({
  ...commonKeys,
  bridge: optionalText,
  isGateway: optionalBoolean,
  isDefaultGateway: optionalBoolean,
  forceAddress: optionalBoolean,
  ipMasq: optionalBoolean,
  ipMasqBackend: optionalText,
  mtu: optionalInteger,
  hairpinMode: optionalBoolean,
  promiscMode: optionalBoolean,
  vlan: optionalInteger,
  vlanTrunk: z.optional(
    z.array(
      configObject({
        id: optionalInteger,
        minID: optionalInteger,
        maxID: optionalInteger,
      }),
    ),
  ),
  preserveDefaultVlan: optionalBoolean,
  macspoofchk: optionalBoolean,
  enabledad: optionalBoolean,
  disableContainerInterface: optionalBoolean,
  portIsolation: optionalBoolean,
  ...ipamKeys,
  args: z.optional(configObject({ cni: z.optional(configObject({ mac: optionalText })) })),
  runtimeConfig: z.optional(configObject({ mac: optionalText })),
});

/** Decodes the configuration. What only ADD and CHECK need is not validated for DEL. Throws CniError. */
export function decodeConfig(request: Request): BridgeConfig {
  const keys = decode(schema, request.document);
  const isDefaultGateway = keys.isDefaultGateway ?? false;
  const config: BridgeConfig = {
    bridge: keys.bridge ?? "cni0",
    isGateway: isDefaultGateway || (keys.isGateway ?? false),
    isDefaultGateway,
    forceAddress: keys.forceAddress ?? false,
    ipMasq: keys.ipMasq ?? false,
    ipMasqBackend: masqueradeBackends.find((backend) => backend === keys.ipMasqBackend),
    mtu: Math.max(0, keys.mtu ?? 0),
    hairpinMode: keys.hairpinMode ?? false,
    promiscMode: keys.promiscMode ?? false,
    portIsolation: keys.portIsolation ?? false,
    macSpoofCheck: keys.macspoofchk ?? false,
    ...vlanSettings(request, keys),
    enableDad: keys.enabledad ?? false,
    disableContainerInterface: keys.disableContainerInterface ?? false,
    ipam: ipamOf(keys),
    dns: dnsOverride(keys.dns),
    mac: request.command === "DEL" ? undefined : containerMac(request, keys),
  };
  if (request.command !== "DEL") {
    validate(request, config);
    if (request.command !== "CHECK" && (keys.mtu ?? 0) < 0) {
      throw invalid(
        `mtu ${keys.mtu} is negative`,
        "mtu is a number of bytes; 0, or none, leaves it to the kernel",
      );
    }
    if (config.ipMasq && keys.ipMasqBackend !== undefined && config.ipMasqBackend === undefined) {
      throw invalid(
        `unknown ipmasq backend ${JSON.stringify(keys.ipMasqBackend)}`,
        `ipMasqBackend is one of ${masqueradeBackends.join(", ")}`,
      );
    }
  }
  return config;
}

/** DEL does not look at them: the port takes its VLANs along. */
function vlanSettings(
  request: Request,
  keys: z.output<typeof schema>,
): Pick<BridgeConfig, "vlans" | "vlanFiltering"> {
  const { vlan = 0, vlanTrunk, preserveDefaultVlan = false } = keys;
  if (request.command === "DEL") {
    return { vlans: { vlan: 0, trunk: [], preserveDefaultVlan }, vlanFiltering: false };
  }
  checkVlan(vlan);
  return {
    vlans: { vlan, trunk: trunkIds(vlanTrunk ?? []), preserveDefaultVlan },
    vlanFiltering: vlan !== 0 || vlanTrunk !== undefined,
  };
}

/** runtimeConfig before args before CNI_ARGS. */
function containerMac(request: Request, keys: z.output<typeof schema>): string | undefined {
  const fromArgs = parseCniArgs(request.args, ["MAC"]).MAC;
  const candidates = [keys.runtimeConfig?.mac, keys.args?.cni?.mac, fromArgs];
  return candidates.find((mac) => mac !== undefined && mac !== "");
}

/** Any member that is present, even an empty list, makes the config's `dns` count. */
function dnsOverride(dns: z.output<typeof schema>["dns"]): Dns | undefined {
  if (dns === undefined) return undefined;
  const { nameservers, domain, search, options } = dns;
  if (nameservers === undefined && search === undefined && options === undefined && (domain ?? "") === "") {
    return undefined;
  }
  return {
    ...(nameservers === undefined ? {} : { nameservers }),
    ...(domain === undefined ? {} : { domain }),
    ...(search === undefined ? {} : { search }),
    ...(options === undefined ? {} : { options }),
  };
}

function validate(request: Request, config: BridgeConfig): void {
  const problem = interfaceNameProblem(config.bridge);
  if (problem !== undefined) {
    throw invalid(
      `bridge: ${JSON.stringify(config.bridge)} cannot name a link: ${problem}`,
      'a name has 1 to 15 bytes, no "/", ":", "%" or white space, and is neither . nor ..',
    );
  }
  const vlanInterface = vlanInterfaceName(config);
  if (
    config.isGateway &&
    config.ipam.type !== "" &&
    config.vlans.vlan !== 0 &&
    interfaceNameProblem(vlanInterface) !== undefined
  ) {
    throw invalid(
      `${vlanInterface} cannot name the VLAN's gateway interface`,
      'it is BRIDGE.VLAN and may have 15 bytes: give the network a shorter "bridge"',
    );
  }
  if (config.ipam.type !== "" && config.disableContainerInterface) {
    throw invalid(
      "cannot use IPAM when DisableContainerInterface flag is set",
      "remove ipam or disableContainerInterface",
    );
  }
  if (config.hairpinMode && config.promiscMode) {
    throw invalid(
      "cannot set hairpin mode and promiscuous mode at the same time",
      "hairpinMode is what containers need to reach themselves through a published port; remove the other",
    );
  }
  if (config.mac !== undefined) checkMac(config.mac);
  if (config.ipam.type === "" && resultFamily(request.cniVersion) === "0.1") {
    throw invalid(
      `cniVersion ${request.cniVersion} cannot express a network without ipam`,
      "cannot convert: no valid IP addresses; use cniVersion 0.3.0 or later",
    );
  }
}

/** The kernel would take the first six bytes of a longer address. */
function checkMac(mac: string): void {
  const bytes = parseMac(mac);
  if (bytes?.length === 6) return;
  const problem = bytes === undefined ? "" : `: it has ${bytes.length} bytes, an Ethernet address has 6`;
  throw invalid(
    `address ${mac}: invalid MAC address${problem}`,
    "write it as six pairs of hex digits, for example 02:00:00:00:00:01",
  );
}

/** The link that has the gateway address of a VLAN. */
export function vlanInterfaceName({ bridge, vlans }: Pick<BridgeConfig, "bridge" | "vlans">): string {
  return `${bridge}.${vlans.vlan}`;
}

function invalid(msg: string, details: string): CniError {
  return new CniError(ErrorCode.invalidConfig, msg, details);
}
