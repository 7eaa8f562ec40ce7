import type { Scenario, Step } from "../../scenario/scenario.ts";
import { baseRules, link, routed, run } from "./parts.ts";

const checked = { ...routed, macspoofchk: true };
const valid = { "cni.dev/valid-attachments": [] };

/** macspoofchk: frames with another source MAC than the container's are dropped. */
export const spoofCheck: readonly Scenario[] = [
  {
    name: "macspoofchk: a container with another MAC is not heard, others are not concerned",
    plugin: "bridge",
    source: "CNI plugins, bridge: macspoofchk",
    needs: ["nftables", "bridge nftables"],
    containers: ["c1", "c2", "c3"],
    leaves: baseRules,
    steps: [
      { call: "ADD", config: checked, container: "c1" },
      { call: "ADD", config: checked, container: "c2" },
      { call: "ADD", config: routed, container: "c3" },
      ...["c1", "c2", "c3"].map((from): Step => ({ packet: "ping", from, to: "10.1.2.1", arrives: true })),
      ...["c2", "c3"].map((container) => run("ip link set eth0 address 02:00:00:00:66:66", container)),
      run("ip neigh flush dev br0"),
      { packet: "ping", from: "c2", to: "10.1.2.1", arrives: false },
      { packet: "ping", from: "c1", to: "10.1.2.1", arrives: true },
      { packet: "ping", from: "c3", to: "10.1.2.1", arrives: true },
    ],
  },
  {
    name: "macspoofchk: in every version; DEL removes the rules",
    plugin: "bridge",
    source: "CNI plugins, bridge: macspoofchk",
    needs: ["nftables", "bridge nftables"],
    versions: "all",
    leaves: baseRules,
    steps: [
      { call: "ADD", config: { ...checked, runtimeConfig: { mac: "02:00:00:00:00:07" } } },
      link("eth0", { address: "02:00:00:00:00:07" }, "c1"),
      { look: ["nft", "list", "ruleset"], shows: { $has: [{ $match: "02:00:00:00:00:07" }] } },
      { call: "DEL", config: checked },
      { call: "DEL", config: checked },
      { look: ["nft", "list", "ruleset"], shows: { $lacks: [{ $match: "02:00:00:00:00:07|c1" }] } },
    ],
  },
  {
    name: "macspoofchk: DEL without a namespace, and GC, remove the rules",
    plugin: "bridge",
    source: "SPEC, section 2, DEL, GC; containernetworking/plugins#810",
    needs: ["nftables", "bridge nftables"],
    containers: ["c1", "c2"],
    leaves: baseRules,
    steps: [
      { call: "ADD", config: checked, container: "c1" },
      { call: "ADD", config: checked, container: "c2" },
      { call: "DEL", config: checked, container: "c1", netns: "" },
      { look: ["nft", "list", "ruleset"], shows: { $lacks: [{ $match: "/c1/" }] } },
      { packet: "ping", from: "c2", to: "10.1.2.1", arrives: true },
      { call: "GC", config: { ...checked, ...valid } },
      { look: ["nft", "list", "ruleset"], shows: { $lacks: [{ $match: "/c2/" }] } },
    ],
  },
];
