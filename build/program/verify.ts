/**
 * `npm run verify -- FILE…`: whether executables of plugins are what these sources make of the published Node, byte for
 * byte. Node is fetched anew, held against the lock file's hash, and the executable is built again and compared. Fails
 * for any byte that is another, and says what it is part of. A file that is not called as the plugin is given as
 * `PLUGIN=FILE`.
 */
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import packageLock from "../../package-lock.json" with { type: "json" };
import { aboutOf } from "../../shared/executable/about.ts";
import { pinnedNode, snapshotNode } from "../node/binary.ts";
import { declared, differencesFrom } from "../node/differences.ts";
import { symbolsOf } from "../node/elf.ts";
import { fetchNode } from "../node/published.ts";
import { scriptsOf } from "../node/scripts.ts";
import { unusedData } from "../node/unused-data.ts";
import { buildExecutable, buildLinkedExecutable } from "./executable.ts";
import { pluginNames } from "./plugin-names.ts";
import { linkedPrograms, pluginExecutable } from "./plugins.ts";

/** Differences of a file that are printed. */
const shown = 10;

const files = process.argv.slice(2);
if (files.length === 0) fail("usage: npm run verify -- FILE…");

const locked = packageLock.packages[`node_modules/node-linux-${process.arch === "arm64" ? "arm64" : "x64"}`];
const published = fetchNode(locked.version, process.arch);
if (published.integrity !== locked.integrity) fail("the published Node is not the one of package-lock.json");
if (!published.binary.equals(readFileSync(pinnedNode))) fail(`${pinnedNode} is not the published Node`);
console.log(`Node ${published.version} as published: ${published.integrity}`);
const symbols = symbolsOf(published.binary);
for (const line of declared(
  published.binary,
  symbols,
  unusedData(published.binary, symbols, scriptsOf(pinnedNode)),
)) {
  console.log(`  ${line}`);
}

const work = mkdtempSync(join(tmpdir(), "verify-"));
try {
  const node = snapshotNode();
  const { endOfNode, end } = node.slim;
  if (end > endOfNode)
    console.log(`  linked: koffi's addon, ${end - endOfNode} bytes of memory behind Node's`);
  for (const argument of files) {
    const [, plugin, file = ""] = /^(?:([a-z-]+)=)?(.*)$/s.exec(argument) ?? [];
    const name = plugin ?? basename(file);
    const actual = readFileSync(file);
    const isLinked = pluginsOf(file).length > 1;
    if (!isLinked && !pluginNames.includes(name))
      fail(`${file}: no plugin is called ${name}: say PLUGIN=${file}`);
    const output = join(work, isLinked ? "linked" : "separate", isLinked ? (pluginNames[0] ?? "") : name);
    if (isLinked) await buildLinkedExecutable({ ...linkedPrograms(), folder: join(work, "linked"), node });
    else await buildExecutable({ ...pluginExecutable(name), output, node });
    const expected = {
      bytes: readFileSync(output),
      symbols: [...symbols.values()],
      endOfNode: node.slim.endOfNode,
      endOfAddon: node.slim.end,
    };
    const differences = differencesFrom(expected, actual);
    for (const { offset, length, part } of differences.slice(0, shown)) {
      console.error(`${file}: ${length} bytes at ${offset} are others: ${part}`);
    }
    if (differences.length > shown) console.error(`${file}: and more`);
    if (differences.length > 0) process.exitCode = 1;
    else console.log(`${file}: ${isLinked ? "all plugins" : name}, every byte as built from these sources`);
  }
} finally {
  rmSync(work, { recursive: true });
}

/** The plugins that a file says that it is. */
function pluginsOf(file: string): readonly string[] {
  const fd = openSync(file, "r");
  try {
    return aboutOf(fd, fstatSync(fd).size)?.plugins ?? [];
  } finally {
    closeSync(fd);
  }
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}
