import { type Architecture, releaseNames } from "../node/elf.ts";

/** Which executables an archive has: one with all plugins under many names, or one for each plugin. */
export type Packaging = "linked" | "separate";

/** The name of an archive: that of the Go plugins' releases for the usual packaging. */
export function archiveName(architecture: Architecture, packaging: Packaging, version: string): string {
  const kind = packaging === "linked" ? "" : "-separate";
  return `cni-plugins-linux-${releaseNames[architecture]}${kind}-v${version}.tgz`;
}
