/**
 * `npm run build [plugin…]`: writes one executable for each plugin to dist/bin, and the conformance suite (under the
 * name `conformance`) to dist.
 */
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { buildExecutable, buildNodeExecutable } from "./executable.ts";
import { snapshotNode } from "./node/binary.ts";
import { executableOf, plugins } from "./plugins.ts";

const suite = "conformance";
const root = join(import.meta.dirname, "..");
const wanted = process.argv.length > 2 ? process.argv.slice(2) : [...plugins, suite];

mkdirSync(join(root, "dist"), { recursive: true });
const node = snapshotNode();
// One after the other: pkg changes the process's working directory while it packs.
for (const name of wanted) {
  const start = performance.now();
  const path = name === suite ? `dist/${suite}` : `dist/bin/${name}`;
  const output = join(root, path);
  if (name === suite) await buildNodeExecutable({ entry: join(root, "conformance/cli/main.ts"), output });
  else await buildExecutable({ ...executableOf(name), output, node });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${path}: ${(statSync(output).size / 1e6).toFixed(1)} MB in ${seconds} s`);
}
