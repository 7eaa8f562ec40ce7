/** The architectures of releases, by the names that Go and other projects' releases give them. */
const goArchitectures = { x64: "amd64", arm64: "arm64" } as const;
type ReleaseArchitecture = keyof typeof goArchitectures;

/** Which executables an archive has: one with all plugins under many names, or one for each plugin. */
export type Packaging = "linked" | "separate";

/** The name of an archive: that of the Go plugins' releases for the usual packaging. */
export function archiveName(
  architecture: ReleaseArchitecture,
  packaging: Packaging,
  version: string,
): string {
  const kind = packaging === "linked" ? "" : "-separate";
  return `cni-plugins-linux-${goArchitectures[architecture]}${kind}-v${version}.tgz`;
}
