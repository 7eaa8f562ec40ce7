/**
 * `npm run build [plugin…]`: writes one executable for each plugin to dist/bin, and the conformance suite (under the
 * name `conformance`) to dist. `npm run build -- --linked`: writes one executable with all plugins to dist/linked, with a
 * hard link to it for each name. `npm run build -- --stock [plugin…]`: writes executables with Node as it was published
 * to dist/stock.
 */
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { snapshotNode } from "./node/binary.ts";
import {
  buildExecutable,
  buildLinkedExecutable,
  buildNodeExecutable,
  buildStockExecutable,
} from "./program/executable.ts";
import { pluginNames } from "./program/plugin-names.ts";
import { linkedPrograms, pluginExecutable, programOf } from "./program/plugins.ts";

const suite = "conformance";
const root = join(import.meta.dirname, "..");
const { values, positionals } = parseArgs({
  options: { linked: { type: "boolean", default: false }, stock: { type: "boolean", default: false } },
  allowPositionals: true,
});

mkdirSync(join(root, "dist"), { recursive: true });
if (values.stock) {
  for (const name of positionals.length > 0 ? positionals : pluginNames) {
    await timed(`dist/stock/${name}`, (output) => buildStockExecutable({ ...programOf(name), output }));
  }
} else if (values.linked) {
  const node = snapshotNode();
  await timed("dist/linked/bridge", async (output) => {
    await buildLinkedExecutable({ ...linkedPrograms(), folder: join(output, ".."), node });
  });
} else {
  const node = snapshotNode();
  // One after the other: pkg changes the process's working directory while it packs.
  for (const name of positionals.length > 0 ? positionals : [...pluginNames, suite]) {
    if (name === suite) {
      const entry = join(root, "conformance/cli/main.ts");
      await timed(`dist/${suite}`, (output) => buildNodeExecutable({ entry, output }));
    } else {
      await timed(`dist/bin/${name}`, (output) =>
        buildExecutable({ ...pluginExecutable(name), output, node }),
      );
    }
  }
}

async function timed(path: string, build: (output: string) => Promise<unknown>): Promise<void> {
  const start = performance.now();
  const output = join(root, path);
  await build(output);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${path}: ${(statSync(output).size / 1e6).toFixed(1)} MB in ${seconds} s`);
}
