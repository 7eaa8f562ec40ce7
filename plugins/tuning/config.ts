import * as z from "zod/mini";
import { parseCniArgs } from "../../shared/cni/cni-args.ts";
import {
  anyObject,
  configObject,
  decode,
  optionalBoolean,
  optionalInteger,
  optionalText,
} from "../../shared/cni/config-schema.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { isJsonObject, type JsonValue } from "../../shared/cni/json-read.ts";
import { isSpelling } from "../../shared/cni/key.ts";
import { commonKeys } from "../../shared/cni/network-config.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { parseMac } from "../../shared/rtnetlink/hardware-address.ts";
import type { LinkSettings } from "./link-settings.ts";

/** What to tune, which is all that CHECK needs. */
export interface TuningSettings {
  /** Key as configured, and value; in the configuration's order. */
  readonly sysctls: ReadonlyMap<string, string>;
  readonly link: LinkSettings;
}

export interface TuningConfig extends TuningSettings {
  /** The directory for backups. */
  readonly dataDir: string;
}

const defaultDataDir = "/run/cni/tuning";

const tunables = {
  sysctl: z.optional(z.record(z.string(), z.nullable(z.string()))),
  mac: optionalText,
  promisc: optionalBoolean,
  mtu: optionalInteger,
  allmulti: optionalBoolean,
  txQLen: optionalInteger,
};

const tuningSchema = configObject({
  ...commonKeys,
  ...tunables,
  ipam: z.optional(anyObject),
  dataDir: optionalText,
  runtimeConfig: z.optional(configObject({ mac: optionalText })),
  args: z.optional(configObject({ cni: z.optional(configObject(tunables)) })),
});

/** The configuration for ADD and STATUS. Throws CniError code 4, 6 or 7. */
export function decodeConfig(request: Request): TuningConfig {
  const document = decodeDocument(request);
  const settings = settingsOf(request, document);
  return { ...settings, dataDir: validDataDir(document.dataDir) };
}

/** The configuration for CHECK, which has no use for backups. Throws CniError code 4, 6 or 7. */
export function decodeSettings(request: Request): TuningSettings {
  return settingsOf(request, decodeDocument(request));
}

type Document = z.infer<typeof tuningSchema>;

function decodeDocument(request: Request): Document {
  assertNoRepeatedSysctl(request);
  return decode(tuningSchema, request.document);
}

/**
 * The settings to apply. A key of `args.cni` replaces the one of the configuration. A MAC is taken from `args.cni`, the
 * capability `mac`, `MAC` in CNI_ARGS or the configuration, whichever comes first.
 */
function settingsOf(request: Request, { args, runtimeConfig, ...config }: Document): TuningSettings {
  const cniArgs = parseCniArgs(request.args, ["MAC"]);
  const override = args?.cni ?? {};
  const sysctls = new Map(Object.entries({ ...config.sysctl, ...override.sysctl }));
  // An empty MAC in args.cni counts: it means that the MAC is not changed.
  const mac = override.mac ?? (runtimeConfig?.mac || cniArgs.MAC || config.mac || "");
  const mtu = override.mtu ?? config.mtu ?? 0;
  const promisc = override.promisc ?? config.promisc ?? false;
  const allmulti = override.allmulti ?? config.allmulti;
  const txQueueLength = override.txQLen ?? config.txQLen;
  const link = {
    ...(mac !== "" && { mac: validMac(mac) }),
    ...(promisc && { promisc }),
    ...(mtu !== 0 && { mtu: inRange("mtu", mtu, 0x7fff_ffff) }),
    ...(allmulti !== undefined && { allmulti }),
    ...(txQueueLength !== undefined && { txQueueLength: inRange("txQLen", txQueueLength, 0xffff_ffff) }),
  };
  return { sysctls: new Map([...sysctls].map(([key, value]) => [key, value ?? ""])), link };
}

const dataDirSchema = configObject({ dataDir: optionalText });

/**
 * The directory of backups, all that DEL and GC need of a configuration: the rest may be wrong. A relative path, which the
 * Go plugin's ADD accepts, is relative to the runtime's working directory as it was there. Throws CniError.
 */
export function decodeDataDir(request: Request): string {
  const directory = decode(dataDirSchema, request.document).dataDir || defaultDataDir;
  return directory.includes("\0") ? validDataDir(directory) : directory;
}

/** JSON may repeat a key; which value is meant would be a guess. */
function assertNoRepeatedSysctl(request: Request): void {
  const isSysctl = (name = ""): boolean => isSpelling(name, "sysctl");
  const repeated = request.repeatedKeys.find(({ path }) => path.length === 1 && isSysctl(path[0]));
  const entries: [string, JsonValue][] = Object.entries(request.document);
  const objects = entries.filter(([name]) => isSysctl(name)).map(([, value]) => value);
  const keys = objects.filter(isJsonObject).flatMap((object) => Object.keys(object));
  const seen = new Set<string>();
  const key = repeated?.key ?? keys.find((candidate) => seen.size === seen.add(candidate).size);
  if (key === undefined) return;
  throw new CniError(
    ErrorCode.invalidConfig,
    "duplicated sysctl keys are not allowed",
    `${JSON.stringify(key)} is there twice: remove one`,
  );
}

function validDataDir(configured: string | undefined): string {
  const directory = configured || defaultDataDir;
  if (directory.startsWith("/") && !directory.includes("\0")) return directory;
  throw new CniError(
    ErrorCode.invalidConfig,
    `dataDir ${JSON.stringify(directory)} is not an absolute path`,
    "the plugin's working directory is up to the runtime, so a relative path leads anywhere",
  );
}

function validMac(mac: string): string {
  const bytes = parseMac(mac);
  const [first = 0] = bytes ?? [];
  const problem =
    bytes === undefined
      ? "invalid MAC address"
      : bytes.length === 6 && (first & 1) === 1
        ? "a multicast address cannot be an interface's own"
        : bytes.every((byte) => byte === 0)
          ? "all bytes are 0"
          : undefined;
  if (problem === undefined) return mac;
  throw new CniError(
    ErrorCode.invalidConfig,
    `invalid args ${mac} for MAC addr: address ${mac}: ${problem}`,
    "write it as six pairs of hex digits, for example 02:00:00:00:00:01; it comes from args.cni.mac, " +
      "runtimeConfig.mac, MAC in CNI_ARGS or mac, the first that is there",
  );
}

function inRange(key: string, value: number, most: number): number {
  if (value >= 0 && value <= most) return value;
  throw new CniError(ErrorCode.invalidConfig, `${key} ${value} is out of range`, `it is from 0 to ${most}`);
}
