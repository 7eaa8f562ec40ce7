import * as z from "zod/mini";
import { configObject, decode, optionalText } from "../../shared/cni/config-schema.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { commonKeys } from "../../shared/cni/network-config.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { hasControlCharacter } from "../../shared/iptables/rule.ts";
import { requireAdminChainName } from "./iptables/admin-chain.ts";
import { type IngressPolicy, ingressPolicies } from "./isolation.ts";

/** From 0.4.0 on, which has CHECK; the Go plugin refuses older configurations too. */
export const versions = ["0.4.0", "1.0.0", "1.1.0"];

const defaultAdminChain = "CNI-ADMIN";
const defaultZone = "trusted";
const defaultDataDir = "/run/cni/firewall";

/** What cleaning up needs of the configuration. */
export interface CleanUpConfig {
  readonly backend: "iptables" | "firewalld" | "nftables" | "detect";
  /** firewalld's zone to which addresses are bound. */
  readonly zone: string;
  /** The directory of the records, which say who has which address. */
  readonly dataDir: string;
}

export interface FirewallConfig extends CleanUpConfig {
  readonly adminChain: string;
  readonly ingressPolicy: IngressPolicy;
}

const schema = configObject({
  ...commonKeys,
  backend: optionalText,
  iptablesAdminChainName: optionalText,
  firewalldZone: optionalText,
  ingressPolicy: optionalText,
  dataDir: optionalText,
});

/** The keys that cleaning up uses, with any value. */
const cleanUpSchema = configObject({
  backend: z.optional(z.unknown()),
  firewalldZone: z.optional(z.unknown()),
  dataDir: z.optional(z.unknown()),
});

/** The configuration for ADD, CHECK and STATUS. Throws CniError code 6 (wrong type) or 7 (bad value). */
export function decodeConfig(request: Request): FirewallConfig {
  const config = decode(schema, request.document);
  const dataDir = config.dataDir || defaultDataDir;
  if (!isDataDir(dataDir)) {
    throw new CniError(
      ErrorCode.invalidConfig,
      `invalid dataDir ${JSON.stringify(dataDir)}`,
      "dataDir is an absolute path without control characters",
    );
  }
  const zone = config.firewalldZone || defaultZone;
  if (hasControlCharacter(zone)) {
    throw new CniError(
      ErrorCode.invalidConfig,
      `invalid firewalldZone ${JSON.stringify(zone)}`,
      'firewalldZone is one of "firewall-cmd --get-zones"',
    );
  }
  return {
    backend: backendOf(config.backend),
    adminChain: requireAdminChainName(config.iptablesAdminChainName || defaultAdminChain),
    zone,
    ingressPolicy: requirePolicy(config.ingressPolicy || "open"),
    dataDir,
  };
}

/**
 * The configuration for DEL and GC. A bad value means the default: an ADD that refused the configuration has left nothing
 * that would have to be found by that value.
 */
export function decodeCleanUp(request: Request): CleanUpConfig {
  const { backend, firewalldZone: zone, dataDir } = decode(cleanUpSchema, request.document);
  return {
    backend: backendOf(backend),
    zone: typeof zone === "string" && zone !== "" && !hasControlCharacter(zone) ? zone : defaultZone,
    dataDir: typeof dataDir === "string" && isDataDir(dataDir) ? dataDir : defaultDataDir,
  };
}

function isDataDir(path: string): boolean {
  return path.startsWith("/") && !hasControlCharacter(path);
}

/** The backend of this name; every other name means "detect", as with the Go plugin, for which "nftables" is such a name. */
function backendOf(name: unknown): CleanUpConfig["backend"] {
  return name === "iptables" || name === "firewalld" || name === "nftables" ? name : "detect";
}

function requirePolicy(name: string): IngressPolicy {
  const policy = ingressPolicies.find((candidate) => candidate === name);
  if (policy !== undefined) return policy;
  throw new CniError(
    ErrorCode.invalidConfig,
    `unknown ingress policy: ${JSON.stringify(name)}`,
    `ingressPolicy is one of ${ingressPolicies.join(", ")}`,
  );
}
