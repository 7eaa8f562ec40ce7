import * as z from "zod/mini";
import {
  configObject,
  decode,
  optionalBoolean,
  optionalInteger,
  optionalText,
  optionalTexts,
} from "../../shared/cni/config-schema.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { commonKeys } from "../../shared/cni/network-config.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { hasControlCharacter } from "../../shared/iptables/rule.ts";
import { type PortMapping, validateMappings } from "./mappings.ts";
import { type Conditions, noConditions, parseConditions } from "./nftables/conditions.ts";

/**
 * The two ways of forwarding packets: rules of the host's iptables, or our own tables in the kernel's nf_tables.
 */
export type BackendName = "iptables" | "nftables";

/** Validated configuration. */
export interface PortmapConfig {
  readonly backend: BackendName;
  /** Whether the configuration names no backend, so that the other one would do as well. */
  readonly isBackendFree: boolean;
  readonly mappings: readonly PortMapping[];
  /**
   * How connections from the host itself and from the container's own network are made to come back the same way.
   */
  readonly masquerade: Masquerade;
  /** For iptables: further arguments of the rules that lead to the container's chain. */
  readonly conditions: { readonly 4: readonly string[]; readonly 6: readonly string[] };
  readonly nftConditions: { readonly 4: Conditions; readonly 6: Conditions };
}

/** `off`: no masquerading; `mark`: by our own chains; `chain`: by jumping to a chain of somebody else. */
export type Masquerade =
  | { readonly kind: "off" }
  | { readonly kind: "mark"; readonly bit: number; readonly all: boolean }
  | { readonly kind: "chain"; readonly chain: string; readonly all: boolean };

export const defaultMarkBit = 13;

const schema = configObject({
  ...commonKeys,
  backend: optionalText,
  snat: optionalBoolean,
  masqAll: optionalBoolean,
  markMasqBit: optionalInteger,
  externalSetMarkChain: optionalText,
  conditionsV4: optionalTexts,
  conditionsV6: optionalTexts,
  runtimeConfig: z.optional(
    configObject({
      portMappings: z.optional(
        z.array(
          configObject({
            hostPort: optionalInteger,
            containerPort: optionalInteger,
            protocol: optionalText,
            hostIP: optionalText,
          }),
        ),
      ),
    }),
  ),
});

/** The configuration with keys of the right types, whose meaning depends on the backend. */
type DecodedConfig = z.output<typeof schema>;

/** Decodes the configuration for ADD, CHECK and STATUS. Throws CniError code 6 (wrong type). */
export function decodeConfig({ document }: Pick<Request, "document">): DecodedConfig {
  return decode(schema, document);
}

/**
 * Returns the configuration for a backend, validated.
 *
 * @param backend the one that the configuration names; where it names none, that of this host.
 * @throws CniError code 2 (conditions that the nftables backend cannot express) or 7 (bad value).
 */
export function configFor(decoded: DecodedConfig, backend: string): PortmapConfig {
  assertFits(decoded, backend);
  const four = conditions("conditionsV4", decoded.conditionsV4 ?? []);
  const six = conditions("conditionsV6", decoded.conditionsV6 ?? []);
  const isNftables = backend === "nftables";
  return {
    backend,
    isBackendFree: decoded.backend === undefined,
    mappings: validateMappings(decoded.runtimeConfig?.portMappings ?? []),
    masquerade: masquerade(decoded),
    conditions: isNftables ? { 4: [], 6: [] } : { 4: four, 6: six },
    nftConditions: {
      4: isNftables ? parseConditions("conditionsV4", four, 4) : noConditions,
      6: isNftables ? parseConditions("conditionsV6", six, 6) : noConditions,
    },
  };
}

/**
 * Decodes the configuration for DEL, which only asks what ADD may have published: the backend is the named one, or one
 * that the configuration fits. Undefined when it is wrong, since DEL works with any.
 */
export function decodeCleanUp(request: Pick<Request, "document">): PortmapConfig | undefined {
  try {
    const decoded = decodeConfig(request);
    if (decoded.backend !== undefined) return configFor(decoded, decoded.backend);
    const isNftables = foreignOptions(decoded, "nftables").length > 0;
    return configFor(decoded, isNftables ? "nftables" : "iptables");
  } catch {
    return undefined;
  }
}

function assertFits(decoded: DecodedConfig, backend: string): asserts backend is BackendName {
  const own = backend === "iptables" ? "nftables" : "iptables";
  const foreign = foreignOptions(decoded, own);
  if (foreign.length > 0) {
    throw invalid(
      `${backend} backend was requested but configuration contains ${own}-specific options [${foreign.join(" ")}]`,
      own === "nftables"
        ? 'write iptables arguments, for example ["!", "-d", "192.0.2.0/24"], or set "backend": "nftables"'
        : 'write conditions in the words of nft, for example ["ip", "daddr", "!=", "192.0.2.0/24"], or set "backend": "iptables"',
    );
  }
  if (backend === "iptables" || backend === "nftables") return;
  throw invalid(
    `unrecognized backend ${JSON.stringify(backend)}`,
    '"backend" is "iptables", "nftables" or absent',
  );
}

/** Returns the keys that only this backend understands. */
function foreignOptions(decoded: DecodedConfig, backend: BackendName): string[] {
  const isIptables = backend === "iptables";
  const styled = (["conditionsV4", "conditionsV6"] as const).filter(
    (key) => styleOf(decoded[key]) === backend,
  );
  return isIptables && decoded.externalSetMarkChain !== undefined
    ? ["externalSetMarkChain", ...styled]
    : styled;
}

/**
 * Returns the backend in whose words conditions are: arguments of iptables begin with "-" or "!". Undefined where the
 * first word is empty.
 */
function styleOf(words: readonly string[] | undefined): BackendName | undefined {
  const first = words?.[0] ?? "";
  if (first === "") return undefined;
  return /^[-!]/.test(first) ? "iptables" : "nftables";
}

function masquerade(decoded: DecodedConfig): Masquerade {
  const { snat = true, masqAll = false, markMasqBit, externalSetMarkChain } = decoded;
  if (markMasqBit !== undefined && externalSetMarkChain !== undefined) {
    throw invalid("Cannot specify externalSetMarkChain and markMasqBit", "leave one of the two out");
  }
  if (markMasqBit !== undefined && (markMasqBit < 0 || markMasqBit > 31)) {
    throw invalid("MasqMarkBit must be between 0 and 31", `"markMasqBit" is ${markMasqBit}`);
  }
  if (externalSetMarkChain !== undefined) assertChainName(externalSetMarkChain);
  if (!snat) return { kind: "off" };
  if (externalSetMarkChain !== undefined) return { kind: "chain", chain: externalSetMarkChain, all: masqAll };
  return { kind: "mark", bit: markMasqBit ?? defaultMarkBit, all: masqAll };
}

/**
 * Asserts that iptables takes a name: 28 characters at most (linux/netfilter/x_tables.h, XT_EXTENSION_MAXNAMELEN).
 */
function assertChainName(name: string): void {
  if (/^[^\s!-][^\s]{0,27}$/.test(name) && !hasControlCharacter(name) && Buffer.byteLength(name) <= 28)
    return;
  throw invalid(
    `invalid externalSetMarkChain ${JSON.stringify(name)}`,
    'it is the name of a chain in table nat: 1 to 28 characters without blanks, not beginning with "-" or "!"',
  );
}

function conditions(key: string, words: readonly string[]): readonly string[] {
  const wrong = words.find(hasControlCharacter);
  if (wrong === undefined) return words;
  throw invalid(`control character in ${key}: ${JSON.stringify(wrong)}`, "write one word in each string");
}

function invalid(msg: string, details: string): CniError {
  return new CniError(ErrorCode.invalidConfig, msg, details);
}
