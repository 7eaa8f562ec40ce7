import { existsSync } from "node:fs";
import { Host } from "../harness/host.ts";
import { isObject } from "../harness/json.ts";
import { callPlugin } from "../harness/plugin-call.ts";
import type { Need } from "../scenario/scenario.ts";

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
      lacks: new Map(needs.filter(([, argv]) => !works(host, argv)).map(([need, , why]) => [need, why])),
    };
  } finally {
    await host.dispose();
  }
}

const vlanBridge = ["ip", "link", "add", "br-probe", "type", "bridge", "vlan_filtering", "1"];

/** What shows that the machine has something, and what to say when it has not. */
const needs: [Need, string[], string][] = [
  ["iptables", ["iptables-save", "-t", "nat"], "this machine has no iptables with a NAT table"],
  ["nftables", ["nft", "list", "ruleset"], "this machine has no nftables (program nft)"],
  [
    "bridge netfilter",
    ["test", "-e", "/proc/sys/net/bridge/bridge-nf-call-iptables"],
    "this kernel has no br_netfilter (modprobe br_netfilter)",
  ],
  ["vlan", vlanBridge, "this kernel has no VLAN filtering (CONFIG_BRIDGE_VLAN_FILTERING): try --kernel"],
  ["firewalld", ["firewalld", "--help"], "this machine has no firewalld"],
  ["strace", ["strace", "--version"], "this machine has no strace"],
  ["sctp", ["test", "-e", "/proc/net/sctp"], "this kernel has no SCTP (CONFIG_IP_SCTP): try --kernel"],
  ["full kernel", ["test", "-n", process.env["CNI_TEST_VM"] ?? ""], "only on the kernel of --kernel"],
];

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
