/**
 * `npm run build [plugin…]`: writes one executable for each plugin to dist/bin, and the conformance suite (under the
 * name `conformance`) to dist.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { buildExecutable, type Executable } from "./executable.ts";
import { writeBaseBinary } from "./runtime.ts";

const suite = "conformance";
const plugins = ["bridge", "host-local", "portmap", "firewall", "tuning", "loopback"];

const root = join(import.meta.dirname, "..");
const mainOf = (name: string): string =>
  name === suite ? join(root, "conformance/cli/main.ts") : join(root, "plugins", name, "main.ts");
/** Which plugin has another one inside. */
const builtIns: Readonly<Record<string, string>> = { bridge: "host-local" };
const wanted = process.argv.length > 2 ? process.argv.slice(2) : [...plugins, suite];

mkdirSync(join(root, "dist"), { recursive: true });
const work = mkdtempSync(join(root, "dist/.base-"));
try {
  const base = join(work, "node");
  writeBaseBinary(base);
  // One after the other: pkg changes the process's working directory while it packs.
  for (const name of wanted) {
    const entry = mainOf(name);
    if (!existsSync(entry)) {
      console.log(`notice: ${name} is skipped, there is no plugins/${name}/main.ts yet`);
      continue;
    }
    const start = performance.now();
    const path = name === suite ? `dist/${suite}` : `dist/bin/${name}`;
    const output = join(root, path);
    await buildExecutable({ entry, output, base, ...builtInOf(name) });
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`${path}: ${(statSync(output).size / 1e6).toFixed(1)} MB in ${seconds} s`);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

function builtInOf(name: string): Pick<Executable, "builtIn"> {
  const inside = builtIns[name];
  if (inside === undefined) return {};
  const module = join(root, "plugins", inside, "plugin.ts");
  return { builtIn: { name: inside, main: mainOf(inside), module } };
}
