import * as z from "zod/mini";
import { configObject, decode, text } from "../../shared/cni/config-schema.ts";
import { commonKeys } from "../../shared/cni/network-config.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { CniError, ErrorCode } from "../../shared/errors/cni-error.ts";
import { hasControlCharacter } from "../../shared/iptables/rule.ts";
import { requireAdminChainName } from "./admin-chain.ts";

/** CHECK needs 0.4.0; the reference plugin refuses older configurations, so do we. */
export const versions = ["0.4.0", "1.0.0", "1.1.0"];

const defaultAdminChain = "CNI-ADMIN";
const defaultDataDir = "/run/cni/firewall";

const policies = ["open", "same-bridge", "isolated"] as const;
export type IngressPolicy = (typeof policies)[number];

export interface FirewallConfig {
  readonly backend: "iptables" | "firewalld";
  readonly adminChain: string;
  readonly ingressPolicy: IngressPolicy;
  /** Directory for the records of who has which address. */
  readonly dataDir: string;
}

const schema = configObject({
  ...commonKeys,
  backend: z.optional(text),
  iptablesAdminChainName: z.optional(text),
  firewalldZone: z.optional(text),
  ingressPolicy: z.optional(text),
  dataDir: z.optional(text),
});

/** What cleaning up looks at; any value passes. */
const cleanUpSchema = configObject({ backend: z.optional(z.unknown()), dataDir: z.optional(z.unknown()) });

/**
 * Decodes and validates the configuration. ADD, CHECK and STATUS validate everything; DEL and GC work with every
 * configuration, since one that ADD refuses has made nothing that would have to be found.
 *
 * @throws CniError code 2 (backend that is not built yet), 6 (wrong type) or 7 (bad value).
 */
export function decodeConfig(request: Request): FirewallConfig {
  if (request.command === "DEL" || request.command === "GC") return decodeForCleanUp(request);
  const config = decode(schema, request.document);
  refuseBackend(config.backend ?? "");
  const dataDir = config.dataDir || defaultDataDir;
  if (!isDataDir(dataDir)) {
    throw new CniError(
      ErrorCode.invalidConfig,
      `invalid dataDir ${JSON.stringify(dataDir)}`,
      "dataDir is an absolute path without control characters",
    );
  }
  return {
    backend: "iptables",
    adminChain: requireAdminChainName(config.iptablesAdminChainName || defaultAdminChain),
    ingressPolicy: requirePolicy(config.ingressPolicy || "open"),
    dataDir,
  };
}

function decodeForCleanUp(request: Request): FirewallConfig {
  const { backend, dataDir } = decode(cleanUpSchema, request.document);
  return {
    backend: backend === "firewalld" ? "firewalld" : "iptables",
    adminChain: defaultAdminChain,
    ingressPolicy: "open",
    dataDir: typeof dataDir === "string" && isDataDir(dataDir) ? dataDir : defaultDataDir,
  };
}

function isDataDir(path: string): boolean {
  return path.startsWith("/") && !hasControlCharacter(path);
}

/** Every other name means "detect", as with the reference plugin; detection knows iptables only. */
function refuseBackend(backend: string): void {
  if (backend !== "firewalld" && backend !== "nftables") return;
  throw unsupportedBackend(backend);
}

export function unsupportedBackend(backend: string): CniError {
  return new CniError(
    ErrorCode.unsupportedField,
    `unsupported value in network config: backend: ${JSON.stringify(backend)}`,
    'this version has the iptables backend only: set "backend": "iptables" or leave the key out',
  );
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
