import { basename } from "node:path";
import { wouldRun } from "../executable/stamp.ts";
import type { ChildOutcome } from "../linux/child.ts";
import type { KnownChildOptions } from "../linux/child-process.ts";
import { callPlugin } from "./call-plugin.ts";
import type { Plugin } from "./plugin.ts";
import { pluginNamed } from "./plugin-names.ts";

/** The executable that does the same as an embedded plugin. */
interface Counterpart {
  readonly identity: string;
  /** True when it holds other plugins too, under other names. */
  readonly isByName: boolean;
}

const builtIns: { readonly counterpart: Counterpart; readonly plugin: Plugin }[] = [];

/** Adds an embedded plugin. The prologue that the build adds to an executable calls this. */
export function addBuiltIn(counterpart: Counterpart, plugin: Plugin): void {
  builtIns.push({ counterpart, plugin });
}

/**
 * Calls a plugin in this process if its executable is the build that is embedded here; returns undefined otherwise.
 * Environment and configuration are read anew, and the answer is the same text as the executable's. Working directory,
 * umask and network namespace are this process's, as a child's would be.
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
