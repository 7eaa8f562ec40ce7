import type { Host } from "../host/host.ts";
import type { JsonObject } from "../host/json.ts";
import { atLeast, type Conflist } from "./conflist.ts";
import { type Command, callPlugin, type PluginCall, type PluginResponse } from "./plugin-call.ts";

/** One container's interface, and what the runtime supplies for it. */
type Attachment = {
  containerId: string;
  netns?: string;
  ifname: string;
  args?: string;
  /** What the runtime supplies for the plugins' capabilities, such as `portMappings`. */
  capabilityArgs?: JsonObject;
};

export type ChainStep = { plugin: string; response: PluginResponse };

/** The path of the executable of a plugin type; a function allows different makers' plugins in one chain. */
type Executable = (type: string) => string;

/**
 * Runs one command for a list of plugins as libcni does (protocol.md section 15): ADD and CHECK in the list's
 * order, each ADD given the result of the one before; DEL in reverse; CHECK and DEL are given `result`, the result of
 * the whole ADD. Stops after the first plugin that fails, which is then the last step.
 */
export function runList(
  host: Host,
  executable: Executable,
  list: Conflist,
  command: Exclude<Command, "VERSION">,
  attachment: Attachment,
  result?: unknown,
): ChainStep[] {
  const steps: ChainStep[] = [];
  let prevResult = command === "DEL" && !atLeast(list.cniVersion, "0.4.0") ? undefined : result;
  const plugins = command === "DEL" ? list.plugins.toReversed() : list.plugins;
  for (const plugin of plugins) {
    const type = String(plugin["type"]);
    const config = pluginConfig(list, plugin, attachment.capabilityArgs ?? {}, prevResult);
    const response = callPlugin(host, executable(type), callOf(command, attachment), config);
    steps.push({ plugin: type, response });
    if (response.status !== 0) break;
    if (command === "ADD") prevResult = response.json;
  }
  return steps;
}

/** The result of a list's ADD, or a clear error when one of its plugins failed. */
export function listResult(steps: readonly ChainStep[]): unknown {
  const last = steps.at(-1);
  if (last === undefined) throw new Error("no plugin was run");
  const { status, stdout, stderr } = last.response;
  if (status !== 0) throw new Error(`${last.plugin} failed with status ${status}: ${stdout}${stderr}`);
  return last.response.json;
}

/** The configuration that one plugin of a list is given on its standard input. */
export function pluginConfig(
  list: Pick<Conflist, "name" | "cniVersion">,
  plugin: JsonObject,
  capabilityArgs: JsonObject = {},
  prevResult?: unknown,
): JsonObject {
  const enabled = Object.entries(plugin["capabilities"] ?? {}).filter(([, value]) => value === true);
  const runtimeConfig = Object.fromEntries(
    enabled.filter(([key]) => key in capabilityArgs).map(([key]) => [key, capabilityArgs[key]]),
  );
  return {
    ...plugin,
    name: list.name,
    cniVersion: list.cniVersion,
    ...(Object.keys(runtimeConfig).length > 0 && { runtimeConfig }),
    ...(prevResult !== undefined && { prevResult }),
  };
}

function callOf(command: Command, attachment: Attachment): PluginCall {
  if (command === "GC" || command === "STATUS") return { command };
  const { containerId, netns, ifname, args } = attachment;
  return {
    command,
    containerId,
    ifname,
    ...(netns !== undefined && { netns }),
    ...(args !== undefined && { args }),
  };
}
