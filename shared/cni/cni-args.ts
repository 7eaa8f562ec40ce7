import { CniError, ErrorCode } from "./errors/cni-error.ts";

/**
 * Parses `CNI_ARGS` ("K=V;K2=V2"; CONVENTIONS.md, "CNI_ARGS"). Keys are case-sensitive; a repeated key's last value
 * counts; keys the plugin does not know are refused unless IgnoreUnknown is true.
 *
 * @throws CniError code 4.
 */
export function parseCniArgs<Key extends string>(
  text: string,
  known: readonly Key[],
): Partial<Record<Key, string>> {
  const found: Partial<Record<Key, string>> = {};
  if (text === "") return found;
  const unknown: string[] = [];
  let ignoreUnknown = false;
  for (const pair of text.split(";")) {
    const parts = pair.split("=");
    const [key, value] = parts;
    if (parts.length !== 2 || key === undefined || value === undefined) {
      throw invalid(
        `invalid pair ${JSON.stringify(pair)}`,
        "pairs are KEY=VALUE with ; between and none at the end",
      );
    }
    const name = known.find((candidate) => candidate === key);
    if (name !== undefined) found[name] = value;
    else if (key === "IgnoreUnknown") ignoreUnknown = parseBoolean(pair, value);
    else unknown.push(pair);
  }
  if (unknown.length > 0 && !ignoreUnknown) {
    throw invalid(
      `unknown args [${unknown.map((pair) => JSON.stringify(pair)).join(" ")}]`,
      `this plugin knows ${[...known, "IgnoreUnknown"].join(", ")}; IgnoreUnknown=1 lets others pass`,
    );
  }
  return found;
}

function parseBoolean(pair: string, value: string): boolean {
  const lower = value.toLowerCase();
  if (lower === "1" || lower === "true") return true;
  if (lower === "0" || lower === "false") return false;
  throw invalid(
    `error parsing value of pair ${JSON.stringify(pair)}: boolean unmarshal error: invalid input ${value}`,
    "IgnoreUnknown is 1, true, 0 or false",
  );
}

function invalid(cause: string, details: string): CniError {
  return new CniError(ErrorCode.invalidEnvironment, `ARGS: ${cause}`, details);
}
