import { existsSync } from "node:fs";
import { Host } from "../harness/host/host.ts";
import { isObject } from "../harness/host/json.ts";
import { callPlugin } from "../harness/plugins/plugin-call.ts";
import { type Need, needs } from "../scenario/scenario.ts";

/** What a folder of executables and the machine can do. */
export type Abilities = {
  /** The versions that each plugin says it supports; none when it does not say. Missing executables are not there. */
  plugins: Map<string, string[]>;
  /** What the machine lacks, with a sentence. */
  lacks: Map<Need, string>;
};

/** Asks the executables and the kernel. */
export async function findAbilities(binDir: string, plugins: readonly string[]): Promise<Abilities> {
  const host = await Host.create();
  try {
    const found = plugins.filter((plugin) => existsSync(`${binDir}/${plugin}`));
    return {
      plugins: new Map(found.map((plugin) => [plugin, versionsOf(host, `${binDir}/${plugin}`)])),
      lacks: new Map(
        needs.filter((need) => !works(host, probes[need].shownBy)).map((need) => [need, probes[need].lack]),
      ),
    };
  } finally {
    await host.dispose();
  }
}

/** What shows that the machine has something, and what to say when it has not. */
const probes: Record<Need, { shownBy: string[]; lack: string }> = {
  iptables: {
    shownBy: ["iptables-save", "-t", "nat"],
    lack: "this machine has no iptables with a NAT table",
  },
  nftables: { shownBy: ["nft", "list", "ruleset"], lack: "this machine has no nftables (program nft)" },
  "bridge netfilter": {
    shownBy: ["test", "-e", "/proc/sys/net/bridge/bridge-nf-call-iptables"],
    lack: "this kernel has no br_netfilter (modprobe br_netfilter)",
  },
  "bridge nftables": {
    shownBy: ["nft", "add", "table", "bridge", "probe"],
    lack: "this kernel has no nftables for bridges (CONFIG_NF_TABLES_BRIDGE): try --kernel",
  },
  vlan: {
    shownBy: ["ip", "link", "add", "br-probe", "type", "bridge", "vlan_filtering", "1"],
    lack: "this kernel has no VLAN filtering (CONFIG_BRIDGE_VLAN_FILTERING): try --kernel",
  },
  strace: { shownBy: ["strace", "--version"], lack: "this machine has no strace" },
};

function works(host: Host, [command = "", ...args]: readonly string[]): boolean {
  try {
    return host.run(command, args, { check: false }).status === 0;
  } catch {
    return false;
  }
}

function versionsOf(host: Host, bin: string): string[] {
  const { json } = callPlugin(host, bin, { command: "VERSION" }, { cniVersion: "1.1.0" });
  const versions = isObject(json) ? json["supportedVersions"] : undefined;
  return Array.isArray(versions) ? versions.map(String) : [];
}
