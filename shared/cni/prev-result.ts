import { CniError, ErrorCode } from "./errors/cni-error.ts";
import { isJsonObject } from "./json-read.ts";
import { memberOf } from "./key.ts";
import type { Request } from "./plugin.ts";
import type { Result } from "./result.ts";
import { parseResult } from "./result-parse.ts";

/**
 * The result of the plugins before this one, in the newest form; undefined when there is none. `{}` counts as one.
 *
 * @throws CniError when it is malformed or its version does not fit the configuration's.
 */
export function prevResult(request: Request): Result | undefined {
  // Exact spelling is preferred; other spellings are legal.
  const document = memberOf(request.document, "prevResult");
  if (document === undefined || document === null) return undefined;
  if (!isJsonObject(document)) {
    throw new CniError(
      ErrorCode.decodingFailure,
      "network config: prevResult: expected an object",
      "prevResult is the result of the plugin before this one in the list",
    );
  }
  return parseResult(document, request.cniVersion);
}

/** Guesses the families of the addresses in `prevResult` as it stands, for early starts of programs. Never throws. */
export function likelyFamilies({ document }: Request): readonly (4 | 6)[] {
  const previous = document["prevResult"];
  const ips = isJsonObject(previous) && Array.isArray(previous["ips"]) ? previous["ips"] : [];
  const addresses = ips.map((ip) => (isJsonObject(ip) ? ip["address"] : undefined));
  const isThere = (sign: string) => addresses.some((text) => typeof text === "string" && text.includes(sign));
  return [...(isThere(".") ? [4 as const] : []), ...(isThere(":") ? [6 as const] : [])];
}

/**
 * The result of the plugins before this one.
 *
 * @throws CniError code 7 when there is none.
 */
export function requirePrevResult(request: Request, plugin: string): Result {
  const result = prevResult(request);
  if (result !== undefined) return result;
  throw new CniError(
    ErrorCode.invalidConfig,
    "Required prevResult missing",
    `${plugin} works on the result of a plugin before it: put it behind bridge (or another interface plugin) in the list`,
  );
}

/** The result of the plugins before this one if it can be had: DEL must work without it and with a broken one. */
export function prevResultIfUsable(request: Request): Result | undefined {
  try {
    return prevResult(request);
  } catch {
    return undefined;
  }
}
