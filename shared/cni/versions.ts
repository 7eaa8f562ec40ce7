import type { Command } from "./environment.ts";
import { CniError, ErrorCode } from "./errors/cni-error.ts";

/** The newest specification that this library speaks; results are kept in its form. */
export const newestVersion = "1.1.0";

export const allVersions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

/** Specifications with the same form of results. */
type ResultFamily = "0.1" | "0.3" | "1.0";

const families: Readonly<Record<ResultFamily, readonly string[]>> = {
  "0.1": ["0.1.0", "0.2.0"],
  "0.3": ["0.3.0", "0.3.1", "0.4.0"],
  "1.0": ["1.0.0", "1.1.0"],
};

/** The result form of a specification version; undefined when the version is unknown. "" means 0.1.0. */
export function resultFamily(version: string): ResultFamily | undefined {
  if (version === "" || families["0.1"].includes(version)) return "0.1";
  if (families["0.3"].includes(version)) return "0.3";
  return families["1.0"].includes(version) ? "1.0" : undefined;
}

export function versionsOfFamily(family: ResultFamily): readonly string[] {
  return families[family];
}

const introduced: Partial<Record<Command, string>> = { CHECK: "0.4.0", GC: "1.1.0", STATUS: "1.1.0" };

/**
 * Refuses a command which the configuration's version does not have, and a version which the plugin does not speak.
 *
 * @throws CniError code 1, or 6 when a version that has to be compared is none.
 */
export function checkVersion(command: Command, version: string, supported: readonly string[]): void {
  const since = introduced[command];
  if (since !== undefined) {
    const asked = versionNumber(version);
    if (asked < versionNumber(since)) {
      // Other plugins' suites compare the whole text, so it comes without details.
      throw new CniError(ErrorCode.incompatibleVersion, `config version does not allow ${command}`);
    }
    if (!supported.some((candidate) => versionNumber(candidate) >= asked)) {
      throw new CniError(
        ErrorCode.incompatibleVersion,
        `plugin version does not allow ${command}`,
        unsupportedDetails(version, supported),
      );
    }
  }
  if (!supported.includes(version)) {
    throw new CniError(
      ErrorCode.incompatibleVersion,
      "incompatible CNI versions",
      unsupportedDetails(version, supported),
    );
  }
}

function unsupportedDetails(version: string, supported: readonly string[]): string {
  return `config is ${JSON.stringify(version)}, plugin supports [${supported.map((v) => `"${v}"`).join(" ")}]`;
}

/** A number that orders versions; missing parts are 0. */
function versionNumber(version: string): number {
  const match = /^(\d{1,6})(?:\.(\d{1,6}))?(?:\.(\d{1,6}))?$/.exec(version);
  if (match === null) {
    throw new CniError(
      ErrorCode.decodingFailure,
      `invalid cniVersion ${JSON.stringify(version)}`,
      "a version is one to three numbers with dots between, for example 1.0.0",
    );
  }
  const [, major = "0", minor = "0", micro = "0"] = match;
  return Number(major) * 1e12 + Number(minor) * 1e6 + Number(micro);
}
