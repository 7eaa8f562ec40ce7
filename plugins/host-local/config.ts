import { join } from "node:path";
import * as z from "zod/mini";
import { parseCniArgs } from "../../shared/cni/cni-args.ts";
import {
  configObject,
  decode,
  optionalBoolean,
  optionalInteger,
  optionalIp,
  optionalText,
} from "../../shared/cni/config-schema.ts";
import { withContext } from "../../shared/cni/errors/as-cni-error.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { routeSchema } from "../../shared/cni/network-config.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Route } from "../../shared/cni/result.ts";
import { formatIp, type IpAddress } from "../../shared/ip/address.ts";
import { formatPrefix, type IpPrefix, parsePrefix } from "../../shared/ip/prefix.ts";
import { completeSet, findOverlap, formatSet, type RangeInput, type RangeSet } from "./ranges/range.ts";
import { parseRequestedIp } from "./ranges/requested.ts";

/** The part of the configuration that DEL and GC use: where the leases of a network are, and how to share them. */
export interface StoreSettings {
  /** `<dataDir>/<network>` */
  readonly directory: string;
  /** Where our index and notes are. The Go plugin takes every file of `directory` itself for a lease. */
  readonly sideDirectory: string;
  readonly lockTimeoutSeconds: number;
  /** The time for which a released address rests; 0 for none. */
  readonly cooldownSeconds: number;
}

export interface Config extends StoreSettings {
  /** Each gives an attachment one address. Cursor files and messages number them by their position. */
  readonly sets: readonly RangeSet[];
  /** The requests for certain addresses, in the order in which they are served. */
  readonly requested: readonly IpAddress[];
  readonly routes: readonly Route[];
  /** Path of a file in the form of resolv.conf(5); "" for none. */
  readonly resolvConf: string;
  /** Whether leases of earlier boots may be released when no other address is left. */
  readonly reclaim: boolean;
}

const defaultDataDir = "/var/lib/cni/networks";
export const sideDirectoryName = ".host-local";

/**
 * Half of the two minutes that kubelet gives a runtime by default: the error still arrives. Work under the
 * lock takes milliseconds, so hundreds of waiting processes are served in that time.
 */
const defaultLockTimeoutSeconds = 60;

const storeSchema = configObject({
  ipam: z.optional(
    configObject({
      dataDir: optionalText,
      lockTimeout: z.optional(z.unknown()),
      cooldown: z.optional(z.unknown()),
    }),
  ),
});

/**
 * Decodes what DEL and GC need. They must not fail over mistakes elsewhere: leases that are older than the mistake stay
 * releasable.
 *
 * @throws CniError code 6 or 7.
 */
export function decodeCleanUp(request: Request): StoreSettings {
  const { ipam } = decode(storeSchema, request.document);
  if (ipam === undefined) throw missingIpam();
  const { dataDir = "", lockTimeout, cooldown } = ipam;
  assertPath("dataDir", dataDir);
  const root = dataDir === "" ? defaultDataDir : dataDir;
  return {
    directory: join(root, request.network),
    // No network has this name: it would begin with a letter or a digit.
    sideDirectory: join(root, sideDirectoryName, request.network),
    lockTimeoutSeconds: isSeconds(lockTimeout) ? lockTimeout : defaultLockTimeoutSeconds,
    cooldownSeconds: isSeconds(cooldown) ? cooldown : 0,
  };
}

const requestedIp = z.pipe(
  z.string(),
  z.transform((input, context): IpAddress => {
    const address = parseRequestedIp(input);
    if (address !== undefined) return address;
    context.issues.push({ code: "custom", input, message: `invalid IP address ${input}` });
    return z.NEVER;
  }),
);
const requestedIps = z.optional(z.array(requestedIp));

/** A subnet. Refuses IPv4 in the form of IPv6, as the Go plugin does: its mask can be read in two ways. */
const subnet = z.pipe(
  z.string(),
  z.transform((input, context): IpPrefix => {
    const parsed = parsePrefix(input);
    const isMapped = parsed?.address.family === 4 && input.includes(":");
    if (parsed !== undefined && !isMapped) return parsed;
    const message = isMapped
      ? `${input} is IPv4 in the form of IPv6: write ${formatPrefix(parsed)}`
      : `invalid CIDR address: ${input}`;
    context.issues.push({ code: "custom", input, message });
    return z.NEVER;
  }),
);

const rangeKeys = {
  subnet: z.optional(subnet),
  rangeStart: optionalIp,
  rangeEnd: optionalIp,
  gateway: optionalIp,
};
const rangeSets = z.optional(z.array(z.array(configObject(rangeKeys))));

const ipamSchema = configObject({
  ...rangeKeys,
  type: optionalText,
  ranges: rangeSets,
  routes: z.optional(z.array(routeSchema)),
  dataDir: optionalText,
  resolvConf: optionalText,
  lockTimeout: optionalInteger,
  cooldown: optionalInteger,
  reclaim: optionalBoolean,
});

const configSchema = configObject({
  ipam: z.optional(ipamSchema),
  args: z.optional(configObject({ cni: z.optional(configObject({ ips: requestedIps })) })),
  runtimeConfig: z.optional(configObject({ ips: requestedIps, ipRanges: rangeSets })),
});

/**
 * Decodes the configuration of a new attachment. Looks for mistakes in the Go plugin's order, and reports the first.
 *
 * @throws CniError code 4 (CNI_ARGS), 6 or 7.
 */
export function decodeConfig(request: Request): Config {
  return decodeWhole(request, { needsRanges: true, allowsForeignGateways: false });
}

/** As `decodeConfig`, for an attachment that exists: earlier releases took gateways of the other family. */
export function decodeAttached(request: Request): Config {
  return decodeWhole(request, { needsRanges: true, allowsForeignGateways: true });
}

/** As `decodeConfig`, for STATUS: runtimes do not send it the ranges of the capability `ipRanges`. */
export function decodeStatus(request: Request): Config {
  return decodeWhole(request, { needsRanges: false, allowsForeignGateways: false });
}

interface Demands {
  readonly needsRanges: boolean;
  readonly allowsForeignGateways: boolean;
}

function decodeWhole(request: Request, { needsRanges, allowsForeignGateways }: Demands): Config {
  const store = decodeCleanUp(request);
  const { ipam, args, runtimeConfig } = decode(configSchema, request.document);
  if (ipam === undefined) throw missingIpam();
  assertSeconds("lockTimeout", ipam.lockTimeout, "how many seconds to wait for the lock");
  assertSeconds("cooldown", ipam.cooldown, "how many seconds a released address rests");
  assertPath("resolvConf", ipam.resolvConf ?? "");
  const requested = [...ipOfCniArgs(request), ...(args?.cni?.ips ?? []), ...(runtimeConfig?.ips ?? [])];
  const inputs: (readonly RangeInput[])[] = [...(runtimeConfig?.ipRanges ?? [])];
  if (ipam.subnet !== undefined) inputs.push([ipam]);
  inputs.push(...(ipam.ranges ?? []));
  if (inputs.length === 0 && needsRanges) throw missingRanges();
  const sets = completeSets(inputs);
  if (!allowsForeignGateways) assertGatewayFamilies(sets);
  assertOnePerFamily(sets, request.cniVersion);
  assertDisjoint(sets);
  return {
    ...store,
    sets,
    requested,
    routes: (ipam.routes ?? []).map(asRoute),
    resolvConf: ipam.resolvConf ?? "",
    reclaim: ipam.reclaim ?? true,
  };
}

function ipOfCniArgs(request: Request): IpAddress[] {
  const { IP: value = "" } = parseCniArgs(request.args, ["IP"]);
  if (value === "") return [];
  const address = parseRequestedIp(value);
  if (address !== undefined) return [address];
  throw new CniError(
    ErrorCode.invalidEnvironment,
    `ARGS: error parsing value of pair ${JSON.stringify(`IP=${value}`)}: invalid IP address ${value}`,
    "IP in CNI_ARGS is one address, such as 10.1.0.5",
  );
}

function completeSets(inputs: readonly (readonly RangeInput[])[]): RangeSet[] {
  return inputs.map((input, index) => {
    try {
      return completeSet(input);
    } catch (error) {
      throw withContext(`invalid range set ${index}`, error);
    }
  });
}

/** Refuses gateways of the other family, which cannot be a next hop. Those outside the subnet may have a route. */
function assertGatewayFamilies(sets: readonly RangeSet[]): void {
  for (const [index, set] of sets.entries()) {
    for (const { subnet, gateway } of set) {
      if (gateway === undefined || gateway.family === subnet.address.family) continue;
      throw new CniError(
        ErrorCode.invalidConfig,
        `invalid range set ${index}: gateway ${formatIp(gateway)} not in network ${formatPrefix(subnet)}`,
        `gateway must be an IPv${subnet.address.family} address, as the subnet is`,
      );
    }
  }
}

/** Refuses what a result before 0.3.0 cannot express: two addresses of a family. */
function assertOnePerFamily(sets: readonly RangeSet[], version: string): void {
  if (!["0.1.0", "0.2.0"].includes(version)) return;
  const families = sets.map((set) => set[0]?.subnet.address.family);
  if (new Set(families).size === families.length) return;
  throw new CniError(
    ErrorCode.invalidConfig,
    // Other plugins' suites compare the whole text, so it comes without details.
    `CNI version ${version} does not support more than 1 address per family`,
  );
}

function assertDisjoint(sets: readonly RangeSet[]): void {
  const overlap = findOverlap(sets.flatMap((set, index) => set.map((range) => ({ ...range, set, index }))));
  if (overlap === undefined) return;
  const [one, other] = overlap;
  throw new CniError(
    ErrorCode.invalidConfig,
    `range set ${one.index} overlaps with ${other.index}`,
    `${formatSet(one.set)} and ${formatSet(other.set)}: give each set addresses of its own`,
  );
}

type RouteInput = { dst: Route["dst"] } & { [Key in Exclude<keyof Route, "dst">]?: Route[Key] | undefined };

function asRoute({ dst, gw, mtu, advmss, priority, table, scope }: RouteInput): Route {
  return {
    dst,
    ...(gw === undefined ? {} : { gw }),
    ...(mtu === undefined ? {} : { mtu }),
    ...(advmss === undefined ? {} : { advmss }),
    ...(priority === undefined ? {} : { priority }),
    ...(table === undefined ? {} : { table }),
    ...(scope === undefined ? {} : { scope }),
  };
}

function isSeconds(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function assertSeconds(key: string, value: number | undefined, meaning: string): void {
  if (value === undefined || isSeconds(value)) return;
  throw new CniError(
    ErrorCode.invalidConfig,
    `network config: ipam.${key}: ${value} is out of range`,
    `${key} is ${meaning}: 0 or more`,
  );
}

function assertPath(key: string, path: string): void {
  if (!path.includes("\0")) return;
  throw new CniError(
    ErrorCode.invalidConfig,
    `network config: ipam.${key}: a path cannot contain a NUL character`,
    "correct this value in the config",
  );
}

function missingRanges(): CniError {
  return new CniError(
    ErrorCode.invalidConfig,
    "no IP ranges specified",
    'ipam needs "subnet" or "ranges", or the runtime has to give ranges through the capability "ipRanges"',
  );
}

function missingIpam(): CniError {
  return new CniError(
    ErrorCode.invalidConfig,
    "IPAM config missing 'ipam' key",
    'the config needs "ipam": {"type": "host-local", "subnet": …}',
  );
}
