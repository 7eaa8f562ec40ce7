import { type CommandResult, toolEnvironment } from "../host/command.ts";
import type { Host } from "../host/host.ts";
import { ensurePeer } from "../plugins/peers.ts";

export type CnitoolVerb = "add" | "check" | "del" | "gc" | "status";

type CnitoolCall = {
  /** CNI_PATH: where the plugins are. */
  binDir: string;
  /** NETCONFPATH: where the configurations are, as seen in the host. */
  confDir: string;
  /** CAP_ARGS: what the runtime supplies for the capabilities, such as `portMappings`. */
  capabilityArgs?: Record<string, unknown>;
  ifname?: string;
};

/** Runs the real cnitool in a host for one network and one namespace. Does not throw when it fails. */
export function cnitool(
  host: Host,
  verb: CnitoolVerb,
  network: string,
  netns: string,
  call: CnitoolCall,
): CommandResult {
  const env: Record<string, string> = {
    ...toolEnvironment,
    CNI_PATH: call.binDir,
    NETCONFPATH: call.confDir,
  };
  if (call.capabilityArgs !== undefined) env["CAP_ARGS"] = JSON.stringify(call.capabilityArgs);
  if (call.ifname !== undefined) env["CNI_IFNAME"] = call.ifname;
  return host.run(ensurePeer().cnitool, [verb, network, netns], { env, check: false });
}
