import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pluginNames } from "../harness/plugins/binaries.ts";
import { binDirOf } from "./compare.ts";
import { type Maker, makers } from "./rows.ts";

/** A file, or an archive of all six, in bytes. */
export type Size = { what: string } & Record<Maker, number>;

/** `--long` lets zstd find in the second executable what it has seen 100 MB before. */
const compressions = [
  { what: "tar.gz", command: ["gzip", "-6"] },
  { what: "tar.zst (zstd -3 --long=27)", command: ["zstd", "-3", "--long=27"] },
] as const;

/** What the executables take on a disk, and as an archive; a compressor that is not installed is left out. */
export function measureSizes(): Size[] {
  const files = pluginNames.map((name) =>
    sizeOf(name, (maker) => statSync(`${binDirOf(maker)}/${name}`).size),
  );
  const total = sizeOf("all six", (maker) => files.reduce((sum, size) => sum + size[maker], 0));
  const usable = compressions.filter(({ command: [tool] }) => spawnSync(tool, ["--version"]).status === 0);
  const archives = usable.map(({ what, command }) => sizeOf(what, (maker) => archiveSize(maker, command)));
  return [...files, total, ...archives];
}

function sizeOf(what: string, size: (maker: Maker) => number): Size {
  const [ours, go] = makers.map(size);
  return { what, ours: ours ?? 0, go: go ?? 0 };
}

function archiveSize(maker: Maker, [tool = "", ...options]: readonly string[]): number {
  const folder = mkdtempSync(join(tmpdir(), "cni-bench-archive-"));
  try {
    const archive = join(folder, "archive");
    // tar starts the compressor itself, by a name without a shell.
    const compressor = `--use-compress-program=${[tool, ...options].join(" ")}`;
    execFileSync("tar", [compressor, "-cf", archive, "-C", binDirOf(maker), ...pluginNames]);
    return statSync(archive).size;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
