/**
 * `node build/program/start-probes.ts FOLDER`: writes executables to FOLDER, packed as the plugins are, by which the
 * benchmark measures the start: `empty` and `first-line`, and `empty-node`, which has all of Node.
 */
import { join } from "node:path";
import { snapshotNode } from "../node/binary.ts";
import { buildExecutable, buildNodeExecutable } from "./executable.ts";
import { programOf } from "./plugins.ts";

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: node build/program/start-probes.ts FOLDER");
const node = snapshotNode();
const empty = join(import.meta.dirname, "probes/empty.ts");
await buildNodeExecutable({ entry: empty, output: join(folder, "empty-node") });
const { cold } = programOf("bridge");
for (const name of ["empty", "first-line"]) {
  const entry = join(import.meta.dirname, "probes", `${name}.ts`);
  await buildExecutable({ entry, output: join(folder, name), node, cold });
}
