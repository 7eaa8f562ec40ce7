import type { Versions } from "./scenario.ts";

/** Every released version of the specification, oldest first. */
export const specVersions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

export const newestVersion = "1.1.0";

/** The spec versions that a scenario or a step names. */
export function versionList(versions: Versions | undefined): readonly string[] {
  if (versions === undefined) return [newestVersion];
  if (versions === "all") return specVersions;
  if (isList(versions)) return versions;
  const { from = specVersions[0], to = newestVersion } = versions;
  return specVersions.filter((version) => isAtLeast(version, from) && isAtLeast(to, version));
}

/** Whether a spec version is another or a later one; both are `X.Y.Z`. */
export function isAtLeast(version: string, minimum: string): boolean {
  return version.localeCompare(minimum, "en", { numeric: true }) >= 0;
}

/** The first version that has a command. */
export function commandSince(command: string): string {
  if (command === "CHECK") return "0.4.0";
  return command === "GC" || command === "STATUS" ? "1.1.0" : "0.1.0";
}

function isList(versions: Versions): versions is readonly string[] {
  return Array.isArray(versions);
}
