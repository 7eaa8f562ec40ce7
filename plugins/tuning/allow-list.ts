import { withContext } from "../../shared/cni/errors/as-cni-error.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { asSystemError, nodeErrno } from "../../shared/errors/system-error.ts";
import { readSmallFile } from "../../shared/linux/small-file.ts";
import { compileRe2, type Re2 } from "./re2/re2.ts";

/** The administrator's list of sysctls that configurations may set; the Go plugin reads the same file. */
const allowListFile = "/etc/cni/tuning/allowlist.conf";

/** The patterns of the list; undefined when there is no list, and so everything is allowed. Throws SystemError. */
export function readAllowList(): readonly string[] | undefined {
  try {
    return allowListPatterns(readSmallFile(allowListFile));
  } catch (error) {
    if (nodeErrno(error) === "ENOENT") return undefined;
    throw asSystemError(`cannot read ${allowListFile}`, error);
  }
}

/** The patterns in a list's text: one a line, without white space around it, empty lines and comments (#). */
export function allowListPatterns(text: string): readonly string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

/**
 * Asserts that each key has a match of one of the patterns. Keys are those of the configuration: dots are not yet
 * slashes, and IFNAME is not yet an interface.
 *
 * @throws CniError code 7 for the first key without a match, and for a malformed pattern that was tried.
 */
export function assertListed(keys: readonly string[], patterns: readonly string[]): void {
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

/** Asserts that every pattern can be compiled. Throws CniError code 7. */
export function assertPatterns(patterns: readonly string[]): void {
  for (const pattern of patterns) compilePattern(pattern);
}

function compilePattern(pattern: string): Re2 {
  try {
    return compileRe2(pattern);
  } catch (error) {
    throw withContext(allowListFile, error);
  }
}
