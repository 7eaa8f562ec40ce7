import type { JsonObject } from "../../harness/host/json.ts";
import type { CallStep } from "../../scenario/call-step.ts";
import type { Pattern } from "../../scenario/match.ts";
import type { FileStep, LookStep, Step } from "../../scenario/scenario.ts";

export const originalMac = "02:00:00:00:00:01";
export const mac = "02:00:00:00:00:22";

/** What a plugin before tuning in the list has made: eth0 with its other end in the host's stead. */
export const madeLink: Step[] = [
  {
    run: ["ip", "link", "add", "eth0", "address", originalMac, "type", "veth", "peer", "name", "peer0"],
    in: "c1",
  },
  { run: ["ip", "link", "set", "eth0", "up"], in: "c1" },
];

/** The result of that plugin. */
const made: JsonObject = {
  interfaces: [
    { name: "host0", mac: "0a:00:00:00:00:01" },
    { name: "eth0", mac: originalMac, sandbox: "/run/netns/c1" },
  ],
  ips: [{ address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 1 }],
  routes: [{ dst: "0.0.0.0/0" }],
  dns: { nameservers: ["10.1.0.1"] },
};

/** What `eth0` is like before tuning. */
const untouched = {
  address: originalMac,
  mtu: 1500,
  promiscuity: 0,
  txqlen: 1000,
  flags: { $lacks: ["ALLMULTI", "PROMISC"] },
};

/** eth0 must be as it was made, but for these. `ip` says nothing of a queue of length 0. */
export function link(changes: { [key: string]: Pattern } = {}): LookStep {
  return {
    look: ["ip", "-j", "-d", "link", "show", "dev", "eth0"],
    in: "c1",
    shows: [{ ...untouched, ...changes }],
  };
}

/** A kernel parameter of the container, by its path below /proc/sys/net. */
export function sysctl(path: string, value: string): LookStep {
  return { look: ["cat", `/proc/sys/net/${path}`], in: "c1", shows: [value] };
}

/** ADD behind the plugin that made eth0. */
export function add(config: JsonObject, more: Partial<CallStep> = {}): CallStep {
  return { call: "ADD", config, prevResult: made, ...more };
}

/** An ADD that is refused with a message like this, and leaves everything as it was. */
export function refused(config: JsonObject, message: string, more: Partial<CallStep> = {}): Step[] {
  const expect = { error: { msg: { $match: message } } };
  return [add(config, { expect, what: JSON.stringify(config), ...more }), link(), noBackup];
}

/** Where the interface's settings from before are kept: a format that both plugins read and write. */
export const backup = "/run/cni/tuning/c1_eth0.json";
export const noBackup: FileStep = { file: backup, is: null };
