import type { Scenario, Step } from "../../scenario/scenario.ts";
import {
  baseRules,
  dual,
  layer2,
  lease,
  leased,
  masquerading,
  nothingMade,
  plain,
  ports,
  routed,
  run,
  unplugged,
  v4,
} from "./parts.ts";

const undone = "CNI plugins, bridge: a failed ADD must not leave what the next one trips over";
const valid = (...containers: string[]) => ({
  "cni.dev/valid-attachments": containers.map((containerID) => ({ containerID, ifname: "eth0" })),
});
const iptablesMasq = masquerading("iptables");
const net2 = { name: "net2", ...layer2, ...leased([{ subnet: "10.6.0.0/24" }]) };

/** ADD that fails, DEL in every state, GC, STATUS. */
export const life: readonly Scenario[] = [
  ...[
    { name: "the IPAM plugin is not there", config: { ...routed, ipam: { type: "no-such-ipam" } } },
    {
      name: "the addresses are used up",
      config: {
        ...layer2,
        ...leased([{ subnet: "10.1.2.0/24", rangeStart: "10.1.2.1", rangeEnd: "10.1.2.1" }]),
      },
    },
    {
      name: "a route cannot be set",
      config: {
        ...iptablesMasq,
        ipam: { type: "host-local", ranges: [v4], routes: [{ dst: "10.8.0.0/16", gw: "203.0.113.1" }] },
      },
    },
  ].map(
    ({ name, config }): Scenario => ({
      name: `ADD fails, and nothing is left: ${name}`,
      plugin: "bridge",
      source: undone,
      versions: ["0.3.1", "1.1.0"],
      steps: [{ call: "ADD", config, expect: { error: { msg: { $match: "\\S" } } } }, ...nothingMade],
    }),
  ),
  ...["/run/netns/gone", "/etc/passwd"].map(
    (netns): Scenario => ({
      name: `ADD fails, and nothing is left: ${netns} is no namespace`,
      plugin: "bridge",
      source: undone,
      steps: [
        {
          call: "ADD",
          config: routed,
          netns,
          expect: { error: { msg: { $match: netns.replaceAll("/", "\\/") } } },
        },
        ...nothingMade,
      ],
    }),
  ),
  {
    name: "ADD fails, and others lose nothing: the container has the interface already",
    plugin: "bridge",
    source: "SPEC, section 2, ADD: fails when the interface exists",
    needs: ["iptables"],
    steps: [
      { call: "ADD", config: iptablesMasq },
      { mark: true },
      { call: "ADD", config: iptablesMasq, expect: { error: { msg: { $match: "eth0" } } } },
      { unchanged: true, except: "furniture" },
      { packet: "ping", from: "c1", to: "10.1.2.1", arrives: true },
      { call: "CHECK", config: iptablesMasq },
    ],
  },
  {
    name: "VLANs that are none are refused, and nothing is made",
    plugin: "bridge",
    source: "CNI plugins, bridge: vlan, vlanTrunk",
    steps: [
      ...[
        { vlan: -1 },
        { vlan: 4095 },
        { vlanTrunk: [{ id: 0 }] },
        { vlanTrunk: [{ id: 4095 }] },
        { vlanTrunk: [{ minID: 5 }] },
        { vlanTrunk: [{ maxID: 5 }] },
        { vlanTrunk: [{ minID: 0, maxID: 5 }] },
        { vlanTrunk: [{ minID: 5, maxID: 4095 }] },
        { vlanTrunk: [{ minID: 6, maxID: 5 }] },
      ].map(
        (keys): Step => ({
          call: "ADD",
          config: { ...plain, ...keys },
          expect: { error: { msg: { $match: "VLAN|trunk|ID" } } },
          what: JSON.stringify(keys),
        }),
      ),
      { unchanged: true },
      unplugged(),
    ],
  },
  {
    name: "DEL of what was never added, in every version",
    plugin: "bridge",
    source: "SPEC, section 2, DEL: succeeds when there is nothing",
    versions: "all",
    steps: [
      { call: "DEL", config: dual },
      { unchanged: true, except: "furniture" },
    ],
  },
  ...["", "/run/netns/gone"].map(
    (netns): Scenario => ({
      name: `DEL with the namespace ${JSON.stringify(netns)} frees addresses, in every version`,
      plugin: "bridge",
      source: "SPEC, section 2, DEL: CNI_NETNS may be empty or gone",
      versions: "all",
      steps: [
        { call: "ADD", config: dual },
        { call: "DEL", config: dual, netns },
        lease("10.1.2.2", null),
        lease("2001:db8:5::2", null),
        { call: "DEL", config: dual, netns },
        // Whether the link goes too is another scenario's.
        { run: ["ip", "link", "delete", "eth0"], in: "c1", status: null },
      ],
    }),
  ),
  {
    name: "DEL without a namespace removes the link too",
    plugin: "bridge",
    source: "containernetworking/plugins#810: a namespace that lives on keeps an address with nobody's lease",
    steps: [{ call: "ADD", config: dual }, { call: "DEL", config: dual, netns: "" }, ports([]), unplugged()],
  },
  {
    name: "DEL without CNI_NETNS in the environment",
    plugin: "bridge",
    source: "SPEC, section 2, DEL: CNI_NETNS is optional",
    steps: [
      { call: "ADD", config: dual },
      { call: "DEL", config: dual, netns: null },
      lease("10.1.2.2", null),
      { run: ["ip", "link", "delete", "eth0"], in: "c1", status: null },
    ],
  },
  {
    name: "DEL after the interface was deleted",
    plugin: "bridge",
    source: "SPEC, section 2, DEL: what is missing is no error",
    needs: ["iptables"],
    steps: [
      { call: "ADD", config: iptablesMasq },
      run("ip link del eth0", "c1"),
      { call: "DEL", config: iptablesMasq },
      { rules: "ipv4", lacks: [{ $match: "10\\.1\\.2\\." }] },
    ],
  },
  {
    name: "DEL after the bridge was deleted, and ADD makes a new one",
    plugin: "bridge",
    source: "SPEC, section 2, DEL: what is missing is no error",
    steps: [
      { call: "ADD", config: dual },
      run("ip link del br0"),
      { call: "DEL", config: dual },
      { call: "ADD", config: dual },
      { packet: "ping", from: "c1", to: "10.1.2.1", arrives: true },
    ],
  },
  {
    name: "DEL touches nothing of another container and network",
    plugin: "bridge",
    source: "SPEC, section 2, DEL",
    needs: ["iptables"],
    containers: ["c1", "c2", "c3"],
    steps: [
      { call: "ADD", config: iptablesMasq, container: "c2" },
      { call: "ADD", config: net2, container: "c3" },
      { mark: true },
      { call: "ADD", config: iptablesMasq },
      { call: "DEL", config: iptablesMasq },
      { unchanged: true, except: "furniture" },
      { packet: "ping", from: "c2", to: "10.1.2.1", arrives: true },
      { call: "CHECK", config: iptablesMasq, container: "c2" },
      { call: "CHECK", config: net2, container: "c3" },
    ],
  },
  {
    name: "ADD after DEL works, ten times",
    plugin: "bridge",
    source: "SPEC, section 2: ADD, DEL, ADD of the same attachment",
    steps: Array.from({ length: 10 }, (): Step[] => [
      { call: "ADD", config: routed },
      { call: "DEL", config: routed },
    ]).flat(),
  },
  ...(["iptables", "nftables"] as const).map(
    (backend): Scenario => ({
      name: `GC removes what lost attachments have left, and only that (${backend})`,
      plugin: "bridge",
      source: "SPEC 1.1.0, section 2, GC; containernetworking/plugins#1047",
      needs: [backend],
      containers: ["c1", "c2", "c3"],
      leaves: baseRules,
      steps: [
        { call: "ADD", config: masquerading(backend), container: "c1" },
        { call: "ADD", config: masquerading(backend), container: "c2" },
        { call: "ADD", config: net2, container: "c3" },
        { call: "GC", config: { ...masquerading(backend), ...valid("c1") } },
        unplugged("c2"),
        lease("10.1.2.2", "c1"),
        lease("10.1.2.3", null),
        lease("2001:db8:5::3", null),
        lease("10.6.0.2", "c3", "net2"),
        { rules: "ipv4", lacks: [{ $match: "10\\.1\\.2\\.3" }] },
        { look: ["nft", "list", "ruleset"], shows: { $lacks: [{ $match: "10\\.1\\.2\\.3" }] } },
        { packet: "ping", from: "c1", to: "10.1.2.1", arrives: true },
        { call: "CHECK", config: masquerading(backend), container: "c1" },
        { call: "CHECK", config: net2, container: "c3" },
      ],
    }),
  ),
  {
    name: "GC with every attachment valid changes nothing",
    plugin: "bridge",
    source: "SPEC 1.1.0, section 2, GC",
    containers: ["c1", "c2"],
    needs: ["iptables"],
    steps: [
      { call: "ADD", config: iptablesMasq, container: "c1" },
      { call: "ADD", config: iptablesMasq, container: "c2" },
      { mark: true },
      { call: "GC", config: { ...iptablesMasq, ...valid("c1", "c2") } },
      { unchanged: true },
    ],
  },
  {
    name: "GC tells interfaces of one container apart",
    plugin: "bridge",
    source: "SPEC 1.1.0, section 2, GC: attachments are container ID and interface",
    steps: [
      { call: "ADD", config: routed },
      { call: "ADD", config: plain, ifname: "eth1" },
      { call: "GC", config: { ...routed, ...valid("c1") } },
      { look: ["ip", "-j", "link"], in: "c1", shows: [{ ifname: "lo" }, { ifname: "eth0" }] },
      lease("10.1.2.2", "c1"),
      lease("10.1.2.3", null),
    ],
  },
  {
    name: "GC twice, and where nothing ever was",
    plugin: "bridge",
    source: "SPEC 1.1.0, section 2, GC",
    steps: [
      { call: "GC", config: { ...routed, ...valid() } },
      { call: "GC", config: { ...routed, ...valid() } },
      { unchanged: true, except: "furniture" },
    ],
  },
  {
    name: "STATUS: ready",
    plugin: "bridge",
    source: "SPEC 1.1.0, section 2, STATUS",
    steps: [
      { call: "STATUS", config: dual },
      { call: "STATUS", config: layer2 },
      { unchanged: true },
      { call: "ADD", config: dual },
      { call: "STATUS", config: dual },
    ],
  },
  {
    name: "STATUS: another link has the bridge's name",
    plugin: "bridge",
    source: "SPEC 1.1.0, section 2, STATUS: code 50, ADD would fail",
    steps: [
      run("ip link add br0 type veth peer name other0"),
      { call: "STATUS", config: dual, expect: { error: { code: 50, msg: { $match: "br0" } } } },
      run("ip link del br0"),
    ],
  },
  {
    name: "STATUS: the IPAM plugin is not there",
    plugin: "bridge",
    source: "SPEC 1.1.0, section 2, STATUS: ADD would fail",
    steps: [
      {
        call: "STATUS",
        config: { ...layer2, ipam: { type: "no-such-ipam" } },
        expect: { error: { msg: { $match: "no-such-ipam" } } },
      },
    ],
  },
];
