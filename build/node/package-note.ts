/**
 * The note by which scanners see what a file without a package is: .note.package
 * (https://systemd.io/PACKAGE_METADATA_FOR_EXECUTABLE_FILES/).
 */
import packageJson from "../../package.json" with { type: "json" };
import type { Architecture } from "./elf.ts";

const FDO_PACKAGING_METADATA = 0xcafe1a7e;
const debianNames = { x64: "amd64", arm64: "arm64" } as const;

/** The note of an executable of plugins. */
export function packageNote(architecture: Architecture): Buffer {
  const { name, version } = packageJson;
  const content = { type: "generic", name, version, architecture: debianNames[architecture] };
  const text = Buffer.from(`${JSON.stringify(content)}\0`);
  const header = Buffer.alloc(16);
  header.writeUInt32LE(4, 0);
  header.writeUInt32LE(text.length, 4);
  header.writeUInt32LE(FDO_PACKAGING_METADATA, 8);
  header.write("FDO\0", 12, "latin1");
  return Buffer.concat([header, text, Buffer.alloc(-text.length & 3)]);
}
