import * as z from "zod/mini";
import { configObject, decode, integer, text } from "../../shared/cni/config-schema.ts";
import type { JsonObject } from "../../shared/cni/json-read.ts";
import { commonKeys } from "../../shared/cni/network-config.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { CniError, ErrorCode } from "../../shared/errors/cni-error.ts";
import { hasControlCharacter } from "../../shared/iptables/rule.ts";
import { type PortMapping, validateMappings } from "./mappings.ts";

/** Validated configuration. */
export interface PortmapConfig {
  readonly mappings: readonly PortMapping[];
  /** What makes connections from the host itself and from the container's own network come back the same way. */
  readonly masquerade: Masquerade;
  /** Further words for the rules that lead to the container's chain, one argument each. */
  readonly conditions: { readonly 4: readonly string[]; readonly 6: readonly string[] };
}

/** `off`: no masquerading; `mark`: by our own chains; `chain`: by jumping to a chain of somebody else. */
export type Masquerade =
  | { readonly kind: "off" }
  | { readonly kind: "mark"; readonly bit: number; readonly all: boolean }
  | { readonly kind: "chain"; readonly chain: string; readonly all: boolean };

const defaultMarkBit = 13;

const schema = configObject({
  ...commonKeys,
  backend: z.optional(text),
  snat: z.optional(z.boolean()),
  masqAll: z.optional(z.boolean()),
  markMasqBit: z.optional(integer),
  externalSetMarkChain: z.optional(text),
  conditionsV4: z.optional(z.array(text)),
  conditionsV6: z.optional(z.array(text)),
  runtimeConfig: z.optional(
    configObject({
      portMappings: z.optional(
        z.array(
          configObject({
            hostPort: z.optional(integer),
            containerPort: z.optional(integer),
            protocol: z.optional(text),
            hostIP: z.optional(text),
          }),
        ),
      ),
    }),
  ),
});

type RawConfig = z.output<typeof schema>;

const nothing: PortmapConfig = { mappings: [], masquerade: { kind: "off" }, conditions: { 4: [], 6: [] } };

/**
 * Decodes and validates the configuration. For DEL only the backend is looked at: what is removed depends on network
 * and container alone.
 *
 * @throws CniError code 2 (backend not built), 6 (wrong type) or 7 (bad value).
 */
export function decodeConfig(request: Pick<Request, "command" | "document">): PortmapConfig {
  refuseNftables(request.document);
  if (request.command === "DEL") return nothing;
  const raw = decode(schema, request.document);
  checkBackend(raw);
  return {
    mappings: validateMappings(raw.runtimeConfig?.portMappings ?? []),
    masquerade: masquerade(raw),
    conditions: {
      4: conditions("conditionsV4", raw.conditionsV4 ?? []),
      6: conditions("conditionsV6", raw.conditionsV6 ?? []),
    },
  };
}

/** Says that the nftables backend is not there yet. Throws CniError code 2. */
export function refuseNftables(document: JsonObject): void {
  const entry = Object.entries(document).findLast(([key]) => key.toLowerCase() === "backend");
  if (entry?.[1] !== "nftables") return;
  throw new CniError(
    ErrorCode.unsupportedField,
    `unsupported "${entry[0]}": "nftables"`,
    'this version publishes ports with iptables: remove the key or set it to "iptables"',
  );
}

function checkBackend(raw: RawConfig): void {
  const { backend = "iptables" } = raw;
  if (backend !== "iptables") {
    throw invalid(`unrecognized backend ${JSON.stringify(backend)}`, '"backend" is "iptables" or absent');
  }
  const foreign = (["conditionsV4", "conditionsV6"] as const).filter((key) => isNftablesStyle(raw[key]));
  if (foreign.length === 0) return;
  throw invalid(
    `iptables backend was requested but configuration contains nftables-specific options [${foreign.join(" ")}]`,
    'write iptables arguments, for example ["!", "-d", "192.0.2.0/24"]',
  );
}

/** Arguments of iptables begin with "-" or "!"; an empty first word tells nothing. */
function isNftablesStyle(words: readonly string[] | undefined): boolean {
  const first = words?.[0] ?? "";
  return first !== "" && !/^[-!]/.test(first);
}

function masquerade(raw: RawConfig): Masquerade {
  const { snat = true, masqAll = false, markMasqBit, externalSetMarkChain } = raw;
  if (markMasqBit !== undefined && externalSetMarkChain !== undefined) {
    throw invalid("Cannot specify externalSetMarkChain and markMasqBit", "leave one of the two out");
  }
  if (markMasqBit !== undefined && (markMasqBit < 0 || markMasqBit > 31)) {
    throw invalid("MasqMarkBit must be between 0 and 31", `"markMasqBit" is ${markMasqBit}`);
  }
  if (externalSetMarkChain !== undefined) checkChainName(externalSetMarkChain);
  if (!snat) return { kind: "off" };
  if (externalSetMarkChain !== undefined) return { kind: "chain", chain: externalSetMarkChain, all: masqAll };
  return { kind: "mark", bit: markMasqBit ?? defaultMarkBit, all: masqAll };
}

/** A name that iptables takes: 28 characters at most (linux/netfilter/x_tables.h, XT_EXTENSION_MAXNAMELEN). */
function checkChainName(name: string): void {
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
  throw invalid(
    `control character in ${key}: ${JSON.stringify(wrong)}`,
    "write one argument of iptables in each string",
  );
}

function invalid(msg: string, details: string): CniError {
  return new CniError(ErrorCode.invalidConfig, msg, details);
}
