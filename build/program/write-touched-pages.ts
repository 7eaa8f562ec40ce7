/**
 * `npm run touched-pages`, as root: writes which pages of the pinned Node usual calls touch, for ../node/touched-pages.ts.
 * They are seen in VERSION, ADD, CHECK and DEL of each plugin as runtimes call them.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pinnedNode, snapshotNode } from "../node/binary.ts";
import { rangesOf, writeTouchedRanges } from "../node/touched-pages.ts";
import { buildExecutable } from "./executable.ts";
import { pluginNames } from "./plugin-names.ts";
import { programOf } from "./plugins.ts";

const root = join(import.meta.dirname, "../..");
const filters = ["/^chains\\/nerdctl.*1[.]1[.]0$/", "tells its versions"].flatMap((text) => [
  "--filter",
  text,
]);

const work = mkdtempSync(join(tmpdir(), "cni-touched-pages-"));
try {
  const node = snapshotNode();
  const traced = join(work, "traced");
  mkdirSync(traced);
  for (const name of pluginNames) {
    const output = join(work, "bin", name);
    await buildExecutable({ ...programOf(name), output, node });
    const words = [
      process.execPath,
      "--disable-warning=ExperimentalWarning",
      join(import.meta.dirname, "../node/page-trace.ts"),
      join(work, "pages"),
      output,
    ];
    writeFileSync(join(traced, name), `#!/bin/sh\nexec ${words.map(quoted).join(" ")}\n`, { mode: 0o755 });
  }
  const cli = join(root, "conformance/cli/main.ts");
  const { status } = spawnSync(process.execPath, [cli, "--bin-dir", traced, ...filters], {
    stdio: "inherit",
  });
  if (status !== 0) throw new Error("what failed above was not seen: the list stays as it is");
  const pages = readFileSync(join(work, "pages"), "latin1").trimEnd().split("\n");
  const ranges = rangesOf(
    pages.map((page) => Number.parseInt(page, 16)).filter((page) => page < node.slim.endOfNode),
  );
  writeTouchedRanges(readFileSync(pinnedNode), node.slim.architecture, ranges);
  const size = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  console.log(`${ranges.length} ranges, ${(size / 1e6).toFixed(1)} MB of addresses`);
} finally {
  rmSync(work, { recursive: true });
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
