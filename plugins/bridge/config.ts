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
import { assertVlanId, trunkIds, type VlanConfig } from "./vlans.ts";

const masqueradeBackends = ["iptables", "nftables"] as const;
export type MasqueradeBackendName = (typeof masqueradeBackends)[number];

/** What the bridge plugin does for one attachment. README.md describes the keys. */
export interface BridgeConfig {
  readonly bridge: string;
  readonly isGateway: boolean;
  readonly isDefaultGateway: boolean;
  readonly forceAddress: boolean;
  readonly ipMasq: boolean;
  /** Undefined: iptables, or nftables on hosts that have only that. */
  readonly ipMasqBackend: MasqueradeBackendName | undefined;
  /** 0 leaves the kernel's default. */
  readonly mtu: number;
  readonly hairpinMode: boolean;
  readonly promiscMode: boolean;
  readonly portIsolation: boolean;
  readonly macSpoofCheck: boolean;
  readonly vlans: VlanConfig;
  /** Whether a bridge that this call creates keeps VLANs apart: even an empty `vlanTrunk` asks for that. */
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

/** The part of the configuration that DEL and GC use. */
export type CleanUpConfig = Pick<BridgeConfig, "ipam">;

const ipamKeys = {
  ipam: z.optional(configObject({ type: optionalText })),
  ipamInProcess: optionalBoolean,
};

const cleanUpSchema = configObject(ipamKeys);

const configSchema = configObject({
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

type Keys = z.output<typeof configSchema>;

/**
 * Decodes what DEL and GC need. They must not fail over mistakes elsewhere: a container stays removable.
 *
 * @throws CniError code 6.
 */
export function decodeCleanUp(request: Request): CleanUpConfig {
  return { ipam: ipamOf(decode(cleanUpSchema, request.document)) };
}

/**
 * Decodes the configuration of a new attachment.
 *
 * @throws CniError code 4 (CNI_ARGS), 6 or 7.
 */
export function decodeConfig(request: Request): BridgeConfig {
  const { keys, config } = decodeKeys(request);
  if (keys.mtu === undefined || keys.mtu >= 0) return config;
  throw invalid(
    `mtu ${keys.mtu} is negative`,
    "mtu is a number of bytes; 0, or none, leaves it to the kernel",
  );
}

/** As `decodeConfig`, for an attachment that exists: earlier releases took a negative `mtu`. */
export function decodeAttached(request: Request): BridgeConfig {
  return decodeKeys(request).config;
}

function decodeKeys(request: Request): { readonly keys: Keys; readonly config: BridgeConfig } {
  const keys = decode(configSchema, request.document);
  const { vlan = 0, vlanTrunk, preserveDefaultVlan = false } = keys;
  assertVlanId(vlan);
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
    vlans: { vlan, trunk: trunkIds(vlanTrunk ?? []), preserveDefaultVlan },
    vlanFiltering: vlan !== 0 || vlanTrunk !== undefined,
    enableDad: keys.enabledad ?? false,
    disableContainerInterface: keys.disableContainerInterface ?? false,
    ipam: ipamOf(keys),
    dns: dnsOverride(keys.dns),
    mac: containerMac(request, keys),
  };
  validate(request, config);
  if (config.ipMasq && keys.ipMasqBackend !== undefined && config.ipMasqBackend === undefined) {
    throw invalid(
      `unknown ipmasq backend ${JSON.stringify(keys.ipMasqBackend)}`,
      `ipMasqBackend is one of ${masqueradeBackends.join(", ")}`,
    );
  }
  return { keys, config };
}

function ipamOf({ ipam, ipamInProcess }: Pick<Keys, keyof typeof ipamKeys>): Ipam {
  return { type: ipam?.type ?? "", inProcess: ipamInProcess ?? true };
}

/** The MAC that was asked for: by runtimeConfig, or else args, or else CNI_ARGS. */
function containerMac(request: Request, keys: Keys): string | undefined {
  const fromArgs = parseCniArgs(request.args, ["MAC"]).MAC;
  const candidates = [keys.runtimeConfig?.mac, keys.args?.cni?.mac, fromArgs];
  return candidates.find((mac) => mac !== undefined && mac !== "");
}

/** The configuration's `dns`, if it has any member, even an empty list. */
function dnsOverride(dns: Keys["dns"]): Dns | undefined {
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
  if (config.mac !== undefined) assertMac(config.mac);
  if (config.ipam.type === "" && resultFamily(request.cniVersion) === "0.1") {
    throw invalid(
      `cniVersion ${request.cniVersion} cannot express a network without ipam`,
      "cannot convert: no valid IP addresses; use cniVersion 0.3.0 or later",
    );
  }
}

/** Refuses other addresses than Ethernet's: the kernel would take the first six bytes of a longer one. */
function assertMac(mac: string): void {
  const bytes = parseMac(mac);
  if (bytes?.length === 6) return;
  const problem = bytes === undefined ? "" : `: it has ${bytes.length} bytes, an Ethernet address has 6`;
  throw invalid(
    `address ${mac}: invalid MAC address${problem}`,
    "write it as six pairs of hex digits, for example 02:00:00:00:00:01",
  );
}

/** The name of the link that has the gateway address of a VLAN. */
export function vlanInterfaceName({ bridge, vlans }: Pick<BridgeConfig, "bridge" | "vlans">): string {
  return `${bridge}.${vlans.vlan}`;
}

function invalid(msg: string, details: string): CniError {
  return new CniError(ErrorCode.invalidConfig, msg, details);
}
