import { getRawAsset } from "node:sea";
import { Script } from "node:vm";
import type { ChildOutcome } from "../linux/child.ts";
import type { KnownChildOptions } from "../linux/child-process.ts";
import { cacheName } from "../linux/code-cache.ts";
import { wouldRun } from "../linux/stamp.ts";
import { callPlugin } from "./call-plugin.ts";
import type { Plugin } from "./plugin.ts";

// The build puts in what an executable has inside; without it, nothing.
/** JSON: by plugin, the identity of the executable that does the same. */
declare const CNI_BUILT_INS: string | undefined;
/** What the modules that this program shares with the plugins inside export. */
declare const CNI_SHARED: () => object;

/** A script with what only the plugin needs. It hands over the plugin by `give`. */
type BuiltInScript = (
  require: (id: string) => unknown,
  shared: object,
  give: (plugin: Plugin<unknown>) => void,
) => void;

const identities: Readonly<Record<string, string>> =
  typeof CNI_BUILT_INS === "string" ? JSON.parse(CNI_BUILT_INS) : {};

/**
 * Does what running the executable would do, without a process; undefined when this program does not have the very
 * same inside. Environment and configuration are read anew, and the answer is the text of the executable's, so that
 * nothing can tell. The working directory, the umask and the network namespace are this process's, as a child's are.
 */
export function runBuiltIn(executable: string, { env, input }: KnownChildOptions): ChildOutcome | undefined {
  for (const [name, identity] of Object.entries(identities)) {
    if (!wouldRun(executable, identity)) continue;
    const { status, text } = callPlugin(load(name, env["CNI_COMMAND"]), env, () => Buffer.from(input));
    return { status, signal: null, stdout: text, stderr: "" };
  }
  return undefined;
}

const loaded = new Map<string, Plugin<unknown>>();

function load(name: string, command: string | undefined): Plugin<unknown> {
  const present = loaded.get(name);
  if (present !== undefined) return present;
  const script = new Script(Buffer.from(getRawAsset(`${name}.js`)).toString("latin1"), {
    filename: `${name}.js`,
    cachedData: Buffer.from(getRawAsset(cacheName(name, command))),
  });
  const run: BuiltInScript = script.runInThisContext();
  run(process.getBuiltinModule, CNI_SHARED(), (plugin) => loaded.set(name, plugin));
  const plugin = loaded.get(name);
  if (plugin === undefined) throw new Error(`${name} is not in this executable`);
  return plugin;
}
