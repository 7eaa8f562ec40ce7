import { withContext } from "../../shared/cni/errors/as-cni-error.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { asSystemError, nodeErrno } from "../../shared/errors/system-error.ts";
import { readSmallFile } from "../../shared/linux/small-file.ts";
import { compileRe2, type Re2 } from "./re2.ts";

/** The administrator's list of the sysctls that configurations may set. The Go plugin has the same fixed place. */
export const allowListFile = "/etc/cni/tuning/allowlist.conf";

/** The patterns of the list; undefined when there is no list: everything is allowed then. Throws CniError. */
export function readAllowList(): readonly string[] | undefined {
  try {
    return allowListPatterns(readSmallFile(allowListFile));
  } catch (error) {
    if (nodeErrno(error) === "ENOENT") return undefined;
    throw asSystemError(`cannot read ${allowListFile}`, error);
  }
}

/** One pattern a line, without white space around it; empty lines and comments (#) do not count. */
export function allowListPatterns(text: string): readonly string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

/**
 * Refuses the first key in which none of the patterns finds a match. Keys are looked at as they are configured: not
 * yet with slashes for dots, and with the word IFNAME in them.
 *
 * @throws CniError code 7, also for a malformed pattern that had to be tried.
 */
export function refuseUnlisted(keys: readonly string[], patterns: readonly string[]): void {
  const compiled = new Map<string, Re2>();
  const finds = (pattern: string, key: string): boolean => {
    const expression = compiled.get(pattern) ?? compilePattern(pattern);
    compiled.set(pattern, expression);
    return expression.test(key);
  };
  for (const key of keys) {
    if (patterns.some((pattern) => finds(pattern, key))) continue;
    throw new CniError(
      ErrorCode.invalidConfig,
      `Sysctl ${key} is not allowed. Only the following sysctls are allowed: [${patterns.join(" ")}]`,
      `the host's administrator allows sysctls in ${allowListFile}`,
    );
  }
}

/** Compiles every pattern, to find mistakes early. Throws CniError code 7. */
export function validatePatterns(patterns: readonly string[]): void {
  for (const pattern of patterns) compilePattern(pattern);
}

function compilePattern(pattern: string): Re2 {
  try {
    return compileRe2(pattern);
  } catch (error) {
    throw withContext(allowListFile, error);
  }
}
