import * as z from "zod/mini";
import { configObject, decode, optionalText } from "../../shared/cni/config-schema.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { commonKeys } from "../../shared/cni/network-config.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { hasControlCharacter } from "../../shared/iptables/rule.ts";
import { requireAdminChainName } from "./admin-chain.ts";

/** CHECK needs 0.4.0; the reference plugin refuses older configurations, so do we. */
export const versions = ["0.4.0", "1.0.0", "1.1.0"];

const defaultAdminChain = "CNI-ADMIN";
const defaultZone = "trusted";
const defaultDataDir = "/run/cni/firewall";

const policies = ["open", "same-bridge", "isolated"] as const;
export type IngressPolicy = (typeof policies)[number];

export interface FirewallConfig {
  readonly backend: "iptables" | "firewalld" | "nftables" | "detect";
  readonly adminChain: string;
  /** firewalld's zone to which addresses are bound. */
  readonly zone: string;
  readonly ingressPolicy: IngressPolicy;
  /** Directory for the records of who has which address. */
  readonly dataDir: string;
}

const schema = configObject({
  ...commonKeys,
  backend: optionalText,
  iptablesAdminChainName: optionalText,
  firewalldZone: optionalText,
  ingressPolicy: optionalText,
  dataDir: optionalText,
});

/** What cleaning up looks at; any value passes. */
const cleanUpSchema = configObject({
  backend: z.optional(z.unknown()),
  firewalldZone: z.optional(z.unknown()),
  dataDir: z.optional(z.unknown()),
});

/**
 * Decodes and validates the configuration. ADD, CHECK and STATUS validate everything; DEL and GC work with every
 * configuration, since one that ADD refuses has made nothing that would have to be found.
 *
 * @throws CniError code 6 (wrong type) or 7 (bad value).
 */
export function decodeConfig(request: Request): FirewallConfig {
  if (request.command === "DEL" || request.command === "GC") return decodeForCleanUp(request);
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

function decodeForCleanUp(request: Request): FirewallConfig {
  const { backend, firewalldZone: zone, dataDir } = decode(cleanUpSchema, request.document);
  return {
    backend: backendOf(backend),
    adminChain: defaultAdminChain,
    zone: typeof zone === "string" && zone !== "" && !hasControlCharacter(zone) ? zone : defaultZone,
    ingressPolicy: "open",
    dataDir: typeof dataDir === "string" && isDataDir(dataDir) ? dataDir : defaultDataDir,
  };
}

function isDataDir(path: string): boolean {
  return path.startsWith("/") && !hasControlCharacter(path);
}

/** Every other name means "detect", as with the reference plugin; for it "nftables" is such a name too. */
function backendOf(name: unknown): FirewallConfig["backend"] {
  return name === "iptables" || name === "firewalld" || name === "nftables" ? name : "detect";
}

function requirePolicy(name: string): IngressPolicy {
  const policy = policies.find((candidate) => candidate === name);
  if (policy !== undefined) return policy;
  throw new CniError(
    ErrorCode.invalidConfig,
    `unknown ingress policy: ${JSON.stringify(name)}`,
    `ingressPolicy is one of ${policies.join(", ")}`,
  );
}
