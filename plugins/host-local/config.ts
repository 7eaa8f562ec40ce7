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
import { completeSet, findOverlap, formatSet, type RangeInput, type RangeSet } from "./range.ts";
import { parseRequestedIp } from "./requested.ts";

/** Where the leases of a network are, and how long to wait for the others that use them. */
export interface StoreSettings {
  /** `<dataDir>/<network>` */
  readonly directory: string;
  /** What is kept beside them: the Go plugin reads every file of the directory itself, and never comes here. */
  readonly sideDirectory: string;
  readonly lockTimeoutSeconds: number;
  /** How long a released address rests; 0 for not at all. */
  readonly cooldownSeconds: number;
}

export interface Config extends StoreSettings {
  /** Each gives an attachment one address. The position is the number in cursor files and messages. */
  readonly sets: readonly RangeSet[];
  /** In the order in which they are to be served. */
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
 * Half of the two minutes that kubelet gives a runtime by default: the error still reaches somebody. Work under the
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
 * The part of the configuration that names the leases' directory. DEL and GC need no more, and must not fail over
 * mistakes elsewhere, or what has been leased before the mistake was made could not be released.
 *
 * @throws CniError code 6 or 7.
 */
export function storeSettings(request: Request): StoreSettings {
  const { ipam } = decode(storeSchema, request.document);
  if (ipam === undefined) throw missingIpam();
  const { dataDir = "", lockTimeout, cooldown } = ipam;
  checkPath("dataDir", dataDir);
  const root = dataDir === "" ? defaultDataDir : dataDir;
  return {
    directory: join(root, request.network),
    // No network is called so: a name begins with a letter or a digit.
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

/** As the Go plugin: what an IPv4 subnet in IPv6's form means depends on how its mask is read. */
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
 * The whole configuration. Mistakes are looked for in the Go plugin's order; the first is reported. Nothing is
 * touched.
 *
 * @param ranges whether there has to be a range.
 * @throws CniError code 4 (CNI_ARGS), 6 or 7.
 */
export function loadConfig(request: Request, ranges: "required" | "optional" = "required"): Config {
  const store = storeSettings(request);
  const { ipam, args, runtimeConfig } = decode(configSchema, request.document);
  if (ipam === undefined) throw missingIpam();
  checkSeconds("lockTimeout", ipam.lockTimeout, "how many seconds to wait for the lock");
  checkSeconds("cooldown", ipam.cooldown, "how many seconds a released address rests");
  checkPath("resolvConf", ipam.resolvConf ?? "");
  const requested = [...ipOfCniArgs(request), ...(args?.cni?.ips ?? []), ...(runtimeConfig?.ips ?? [])];
  const inputs: (readonly RangeInput[])[] = [...(runtimeConfig?.ipRanges ?? [])];
  if (ipam.subnet !== undefined) inputs.push([ipam]);
  inputs.push(...(ipam.ranges ?? []));
  if (inputs.length === 0 && ranges === "required") throw missingRanges();
  const sets = completeSets(inputs);
  // What an earlier release has attached can be checked all the same.
  if (request.command !== "CHECK") refuseForeignGateways(sets);
  refuseSeveralPerFamily(sets, request.cniVersion);
  refuseOverlap(sets);
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

/** One outside the subnet may be reached by a route; one of the other family is nobody's next hop. */
function refuseForeignGateways(sets: readonly RangeSet[]): void {
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

/** Results before 0.3.0 have room for one address of each family. */
function refuseSeveralPerFamily(sets: readonly RangeSet[], version: string): void {
  if (!["0.1.0", "0.2.0"].includes(version)) return;
  const families = sets.map((set) => set[0]?.subnet.address.family);
  if (new Set(families).size === families.length) return;
  throw new CniError(
    ErrorCode.invalidConfig,
    // Other plugins' suites compare the whole text, so it comes without details.
    `CNI version ${version} does not support more than 1 address per family`,
  );
}

function refuseOverlap(sets: readonly RangeSet[]): void {
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

function checkSeconds(key: string, value: number | undefined, meaning: string): void {
  if (value === undefined || isSeconds(value)) return;
  throw new CniError(
    ErrorCode.invalidConfig,
    `network config: ipam.${key}: ${value} is out of range`,
    `${key} is ${meaning}: 0 or more`,
  );
}

function checkPath(key: string, path: string): void {
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
