import { asObject, isObject, type JsonObject } from "../harness/host/json.ts";
import { conflistFiles, readConflist } from "../harness/plugins/conflist.ts";
import type { Maker } from "./rows.ts";

export type Verb = "VERSION" | "STATUS" | "ADD" | "CHECK" | "DEL";
type Backend = "iptables" | "nftables" | "";

/** A network and what is called for it: a whole chain by cnitool, or one plugin directly. */
export type Workload = {
  kind: "chain" | "plugin";
  name: string;
  backend: Backend;
  verbs: readonly Verb[];
  cniVersion: string;
  network: string;
  plugins: readonly JsonObject[];
  /** The executable that is called; undefined for a chain. */
  executable?: string;
  /** The bridge to which veth pairs are attached, if the first plugin is bridge. */
  bridge?: string;
  /** Where leases are, if there are any. */
  dataDir?: string;
  /** Whether more attachments leave more behind on the host. */
  grows: boolean;
  /** Said with the numbers. */
  note?: string;
  /** Which makers can do this; default both. */
  makers?: readonly Maker[];
};

/** The conflists as they are, and those that use iptables once more with every plugin's backend nftables. */
export function chains(): Workload[] {
  return conflistFiles().flatMap((file) => {
    const asIs = chain(file, widened);
    const more = asIs.backend === "iptables" ? [chain(file, (plugin) => withNftables(widened(plugin)))] : [];
    return [asIs, ...more];
  });
}

function chain(file: string, change: (plugin: JsonObject) => JsonObject): Workload {
  const { name, cniVersion, bridge, dataDir, ...list } = readConflist(file);
  const plugins = list.plugins.map(change);
  const backend = JSON.stringify(plugins).includes("nftables") ? "nftables" : "iptables";
  const hasFirewall = plugins.some(({ type }) => type === "firewall");
  return {
    kind: "chain",
    name: file.replace(/\.\w+$/, ""),
    backend,
    verbs: [
      ...(cniVersion === "1.1.0" ? ["STATUS" as const] : []),
      "ADD",
      // CHECK came with version 0.4.0.
      ...(cniVersion === "0.2.0" ? [] : ["CHECK" as const]),
      "DEL",
    ],
    cniVersion,
    network: name,
    plugins,
    bridge,
    dataDir,
    grows: true,
    ...(backend === "nftables" && hasFirewall && { note: goFirewall }),
  };
}

const goFirewall = "Go's firewall has no nftables backend: it uses iptables here";

/** 1,000 attachments need more than the 253 addresses of a /24. */
function widened(plugin: JsonObject): JsonObject {
  const text = JSON.stringify(plugin).replace(/"(\d+\.\d+)\.\d+\.0\/24"/g, '"$1.0.0/16"');
  return asObject(JSON.parse(text));
}

function withNftables(plugin: JsonObject): JsonObject {
  switch (plugin["type"]) {
    case "bridge":
      return { ...plugin, ipMasqBackend: "nftables" };
    case "portmap":
    case "firewall":
      return { ...plugin, backend: "nftables" };
    default:
      return plugin;
  }
}

const allVerbs: readonly Verb[] = ["VERSION", "STATUS", "ADD", "CHECK", "DEL"];
const ipam = { type: "host-local", subnet: "10.7.0.0/16" };
const leases = "/var/lib/cni/networks";

/** Each plugin by itself, with what a usual configuration of it has. */
export function plugins(): Workload[] {
  const bridge = { type: "bridge", bridge: "cni0", isGateway: true, ipMasq: true, ipam };
  const portmap = { type: "portmap", capabilities: { portMappings: true } };
  return [
    plugin("loopback", "", { type: "loopback" }, { grows: false }),
    plugin("host-local", "", { type: "bridge", ipam }, { dataDir: leases }),
    plugin(
      "bridge",
      "iptables",
      { ...bridge, ipMasqBackend: "iptables" },
      { bridge: "cni0", dataDir: leases },
    ),
    plugin(
      "bridge",
      "nftables",
      { ...bridge, ipMasqBackend: "nftables" },
      { bridge: "cni0", dataDir: leases },
    ),
    plugin("portmap", "iptables", { ...portmap, backend: "iptables" }),
    plugin("portmap", "nftables", { ...portmap, backend: "nftables" }),
    plugin("firewall", "iptables", { type: "firewall", backend: "iptables" }),
    plugin("firewall", "nftables", { type: "firewall", backend: "nftables" }, { note: goFirewall }),
    plugin("tuning", "", { type: "tuning", sysctl: { "net.core.somaxconn": "500" } }, { grows: false }),
  ];
}

function plugin(
  name: string,
  backend: Backend,
  config: JsonObject,
  more: Partial<Pick<Workload, "bridge" | "dataDir" | "grows" | "note" | "makers">> = {},
): Workload {
  return {
    kind: "plugin",
    name,
    backend,
    verbs: allVerbs,
    cniVersion: "1.1.0",
    network: "net",
    plugins: [config],
    executable: name,
    grows: true,
    ...more,
  };
}

/** Whether a plugin of the workload publishes ports. */
export function publishes({ plugins }: Workload): boolean {
  return plugins.some(({ capabilities }) => isObject(capabilities) && capabilities["portMappings"] === true);
}

/** What the runtime supplies for the capabilities: a port of the container's own, and a node's pod ranges. */
export function capabilityArgs({ plugins }: Workload, hostPort: number): JsonObject {
  const wantsRanges = JSON.stringify(plugins).includes("ipRanges");
  return {
    portMappings: [{ hostPort, containerPort: 80, protocol: "tcp" }],
    ...(wantsRanges && { ipRanges: [[{ subnet: "10.244.0.0/16" }], [{ subnet: "fd00:10:244:1::/64" }]] }),
  };
}
