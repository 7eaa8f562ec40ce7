import { patienceMs, standardPath } from "../host/command.ts";
import type { Host } from "../host/host.ts";
import { parse } from "../host/json.ts";

export type Command = "ADD" | "CHECK" | "DEL" | "GC" | "STATUS" | "VERSION";

/** The `CNI_*` variables of one call; what is undefined is not set at all. */
export type PluginCall = {
  command?: Command;
  containerId?: string;
  /** The namespace's path as seen in the host. */
  netns?: string;
  ifname?: string;
  /** CNI_ARGS. */
  args?: string;
  /** CNI_PATH. Default: the folder of the executable. */
  path?: string;
  /** What else is in the environment. Default: PATH only. */
  extraEnv?: Record<string, string>;
  timeoutMs?: number;
};

/** `json` is the parsed standard output, undefined when that is not one JSON document. */
export type PluginResponse = {
  status: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
  json: unknown;
};

/**
 * Runs one executable in a host as a runtime does: `config` (text as it is, or a value) on standard input, nothing
 * in the environment beside the call's variables, and an empty working directory. Does not throw when it fails.
 */
export function callPlugin(host: Host, bin: string, call: PluginCall, config: unknown): PluginResponse {
  return response(host.run(bin, [], commandOptions(bin, call, config)));
}

/** The same without blocking, for calls beside each other. */
export async function callPluginAsync(
  host: Host,
  bin: string,
  call: PluginCall,
  config: unknown,
): Promise<PluginResponse> {
  return response(await host.runAsync(bin, [], commandOptions(bin, call, config)));
}

/** The environment that a call is given, and nothing else. */
export function pluginEnvironment(bin: string, call: PluginCall): Record<string, string> {
  const variables: Record<string, string | undefined> = {
    CNI_COMMAND: call.command,
    CNI_CONTAINERID: call.containerId,
    CNI_NETNS: call.netns,
    CNI_IFNAME: call.ifname,
    CNI_ARGS: call.args,
    CNI_PATH: call.path ?? bin.slice(0, bin.lastIndexOf("/")),
  };
  const env: Record<string, string> = { ...(call.extraEnv ?? { PATH: standardPath }) };
  for (const [name, value] of Object.entries(variables)) if (value !== undefined) env[name] = value;
  return env;
}

function commandOptions(bin: string, call: PluginCall, config: unknown) {
  return {
    input: typeof config === "string" ? config : JSON.stringify(config),
    env: pluginEnvironment(bin, call),
    check: false,
    timeoutMs: call.timeoutMs ?? patienceMs,
  };
}

function response(done: Omit<PluginResponse, "json">): PluginResponse {
  return { ...done, json: parseOrUndefined(done.stdout) };
}

function parseOrUndefined(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}
