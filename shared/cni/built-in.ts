import { basename } from "node:path";
import { wouldRun } from "../executable/stamp.ts";
import type { ChildOutcome } from "../linux/child.ts";
import type { KnownChildOptions } from "../linux/child-process.ts";
import { callPlugin } from "./call-plugin.ts";
import type { Plugin } from "./plugin.ts";
import { pluginNamed } from "./plugin-names.ts";

/** The executable that does the same as a plugin that this program has inside. */
interface Counterpart {
  readonly identity: string;
  /** Whether it is other plugins too, by other names. */
  readonly isByName: boolean;
}

const builtIns: { readonly counterpart: Counterpart; readonly plugin: Plugin }[] = [];

/** Called by what the build puts before a program that has a plugin inside. */
export function addBuiltIn(counterpart: Counterpart, plugin: Plugin): void {
  builtIns.push({ counterpart, plugin });
}

/**
 * Does what running the executable would do, without a process; undefined when this program does not have the very
 * same inside. Environment and configuration are read anew, and the answer is the text of the executable's, so that
 * nothing can tell. The working directory, the umask and the network namespace are this process's, as a child's are.
 */
export function runBuiltIn(executable: string, { env, input }: KnownChildOptions): ChildOutcome | undefined {
  for (const { counterpart, plugin } of builtIns) {
    const { identity, isByName } = counterpart;
    if (isByName && pluginNamed(basename(executable)) !== plugin.name) continue;
    if (!wouldRun(executable, identity)) continue;
    const { status, text } = callPlugin(plugin, env, () => Buffer.from(input));
    return { status, signal: null, stdout: text, stderr: "" };
  }
  return undefined;
}
