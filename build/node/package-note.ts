/**
 * The note by which scanners see what a file without a package is: .note.package
 * (https://systemd.io/PACKAGE_METADATA_FOR_EXECUTABLE_FILES/).
 */
import packageJson from "../../package.json" with { type: "json" };
import { type Architecture, releaseNames } from "./elf.ts";
import { elfNote } from "./image.ts";

const FDO_PACKAGING_METADATA = 0xcafe1a7e;

/** The note of an executable of plugins. */
export function packageNote(architecture: Architecture): Buffer {
  const { name, version } = packageJson;
  const content = { type: "generic", name, version, architecture: releaseNames[architecture] };
  return elfNote("FDO", FDO_PACKAGING_METADATA, Buffer.from(`${JSON.stringify(content)}\0`));
}
