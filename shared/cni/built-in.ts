import type { ChildOutcome } from "../linux/child.ts";
import type { KnownChildOptions } from "../linux/child-process.ts";
import { wouldRun } from "../linux/stamp.ts";
import { callPlugin } from "./call-plugin.ts";
import type { Plugin } from "./plugin.ts";

/** Plugins that this program has inside, by the identity of the executable that does the same. */
const builtIns = new Map<string, Plugin<unknown>>();

/** Called by what the build puts before a program that has a plugin inside. */
export function addBuiltIn(identity: string, plugin: Plugin<unknown>): void {
  builtIns.set(identity, plugin);
}

/**
 * Does what running the executable would do, without a process; undefined when this program does not have the very
 * same inside. Environment and configuration are read anew, and the answer is the text of the executable's, so that
 * nothing can tell. The working directory, the umask and the network namespace are this process's, as a child's are.
 */
export function runBuiltIn(executable: string, { env, input }: KnownChildOptions): ChildOutcome | undefined {
  for (const [identity, plugin] of builtIns) {
    if (!wouldRun(executable, identity)) continue;
    const { status, text } = callPlugin(plugin, env, () => Buffer.from(input));
    return { status, signal: null, stdout: text, stderr: "" };
  }
  return undefined;
}
