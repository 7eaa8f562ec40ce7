import type { Scenario, Step } from "../../scenario/scenario.ts";
import { baseRules, dual, layer2, leased, masquerading, nothingMade, plain, run, v6 } from "./parts.ts";

const manual = "CNI plugins, bridge";
const backends = ["iptables", "nftables"] as const;
/** The packet that shows whether a container is masqueraded: `outside` knows no way back to its own address. */
const out = (from: string, to: "192.0.2.2" | "2001:db8:ffff::2", isMasqueraded: boolean): Step => ({
  packet: "tcp",
  from,
  to,
  port: 80,
  arrives: isMasqueraded,
  ...(isMasqueraded && { at: "outside", source: to === "192.0.2.2" ? "192.0.2.1" : "2001:db8:ffff::1" }),
});

/** Connections that were translated are remembered for a while; only one scenario is about them. */
const leaves = { ...baseRules, conntrack: ["^(tcp|udp|icmp)"] };

/** A network without masquerading. */
const net2 = {
  name: "net2",
  bridge: "br1",
  isDefaultGateway: true,
  ...leased([{ subnet: "10.6.0.0/24" }]),
};

const masqueradingOnly = (backend: string) => ({
  ...masquerading(backend),
  isDefaultGateway: false,
  isGateway: true,
});

const manyAddresses = () => ({
  ...layer2,
  isGateway: true,
  forceAddress: true,
  ipMasq: true,
  ipMasqBackend: "iptables",
  ...leased([{ subnet: "10.1.2.0/24" }], [{ subnet: "10.1.4.0/24" }], v6),
});

/** No rule names the container's addresses. */
const withoutTrace: readonly Step[] = [
  { rules: "ipv4", lacks: [{ $match: "10\\.1\\." }] },
  { rules: "ipv6", lacks: [{ $match: "2001:db8:5" }] },
  { look: ["nft", "list", "ruleset"], shows: { $lacks: [{ $match: "10\\.1\\.|2001:db8:5" }] } },
];

const flush = {
  iptables: [run("iptables -t nat -F POSTROUTING"), run("ip6tables -t nat -F POSTROUTING")],
  nftables: [run("nft flush ruleset")],
} as const;

/** Masquerading, by what packets show. */
export const masquerade: readonly Scenario[] = [
  ...backends.map(
    (backend): Scenario => ({
      name: `ipMasq with ${backend}: outside sees the host's address, in every version`,
      plugin: "bridge",
      source: `${manual}: ipMasq, ipMasqBackend`,
      versions: "all",
      needs: [backend],
      outside: true,
      leaves,
      steps: [
        { serve: "tcp", in: "outside", port: 80 },
        { call: "ADD", config: masquerading(backend) },
        out("c1", "192.0.2.2", true),
        out("c1", "2001:db8:ffff::2", true),
        { call: "CHECK", config: masquerading(backend) },
        { call: "DEL", config: masquerading(backend) },
        { call: "DEL", config: masquerading(backend) },
      ],
    }),
  ),
  ...backends.map(
    (backend): Scenario => ({
      name: `ipMasq with ${backend}: containers of the subnet and without ipMasq keep their addresses`,
      plugin: "bridge",
      source: `${manual}: ipMasq`,
      needs: [backend],
      outside: true,
      containers: ["c1", "c2", "c3"],
      leaves,
      steps: [
        { serve: "tcp", in: "outside", port: 80 },
        { call: "ADD", config: masquerading(backend) },
        { call: "ADD", config: masquerading(backend), container: "c2" },
        { call: "ADD", config: dual, container: "c3" },
        { serve: "tcp", in: "c1", port: 80 },
        { packet: "tcp", from: "c2", to: "10.1.2.2", port: 80, arrives: true, at: "c1", source: "10.1.2.3" },
        {
          packet: "tcp",
          from: "c2",
          to: "2001:db8:5::2",
          port: 80,
          arrives: true,
          at: "c1",
          source: "2001:db8:5::3",
        },
        out("c3", "192.0.2.2", false),
        { call: "DEL", config: masquerading(backend), container: "c1" },
        out("c2", "192.0.2.2", true),
        out("c2", "2001:db8:ffff::2", true),
      ],
    }),
  ),
  ...backends.map(
    (backend): Scenario => ({
      name: `ipMasq with ${backend}: another network of the host sees the gateway's address`,
      plugin: "bridge",
      source: `${manual}: ipMasq`,
      needs: [backend],
      containers: ["c1", "c2"],
      leaves,
      steps: [
        { call: "ADD", config: masquerading(backend) },
        { call: "ADD", config: net2, container: "c2" },
        { serve: "tcp", in: "c2", port: 80 },
        { packet: "tcp", from: "c1", to: "10.6.0.2", port: 80, arrives: true, at: "c2", source: "10.6.0.1" },
      ],
    }),
  ),
  ...backends.map(
    (backend): Scenario => ({
      name: `ipMasq with ${backend}: DEL without a namespace removes the rules`,
      plugin: "bridge",
      source: "SPEC, section 2, DEL: CNI_NETNS may be missing; containernetworking/plugins#810",
      needs: [backend],
      leaves: baseRules,
      steps: [
        { call: "ADD", config: masquerading(backend) },
        { call: "DEL", config: masquerading(backend), netns: "" },
        ...withoutTrace,
        { call: "DEL", config: masquerading(backend), netns: "" },
      ],
    }),
  ),
  ...backends.map(
    (backend): Scenario => ({
      name: `ipMasq with ${backend}: DEL removes the rules when it was switched off since`,
      plugin: "bridge",
      source:
        "SPEC, section 2, DEL: should generally complete without error even if some resources are missing",
      needs: [backend],
      leaves: baseRules,
      steps: [
        { call: "ADD", config: masquerading(backend) },
        { call: "DEL", config: { ...masquerading(backend), ipMasq: false } },
        ...withoutTrace,
      ],
    }),
  ),
  ...backends.map(
    (backend): Scenario => ({
      name: `ipMasq with ${backend}: DEL after the namespace is gone, without a previous result, removes the rules`,
      plugin: "bridge",
      source: "SPEC, section 2, DEL; containernetworking/plugins#810, nerdctl#1872",
      needs: [backend],
      leaves: baseRules,
      steps: [
        { call: "ADD", config: masquerading(backend) },
        run("ip netns delete c1"),
        { call: "DEL", config: masquerading(backend), prevResult: "none" },
        ...withoutTrace,
      ],
    }),
  ),
  ...backends.map(
    (backend): Scenario => ({
      name: `ipMasq with ${backend}: DEL after somebody flushed the rules`,
      plugin: "bridge",
      source: "SPEC, section 2, DEL: what is missing is no error",
      needs: [backend],
      leaves: baseRules,
      steps: [
        { call: "ADD", config: masquerading(backend) },
        ...flush[backend],
        { call: "DEL", config: masquerading(backend) },
      ],
    }),
  ),
  ...backends.map(
    (backend): Scenario => ({
      name: `ipMasq with ${backend}: CHECK says that the rules were flushed`,
      plugin: "bridge",
      source: "SPEC, section 2, CHECK; kubernetes#93091",
      needs: [backend],
      leaves: baseRules,
      steps: [
        { call: "ADD", config: masquerading(backend) },
        ...flush[backend],
        {
          call: "CHECK",
          config: masquerading(backend),
          expect: { error: { msg: { $match: "10\\.1\\.2\\.2" } } },
        },
      ],
    }),
  ),
  ...backends.map(
    (backend): Scenario => ({
      name: `ipMasq with ${backend}: two interfaces in one network, DEL of one leaves the other masqueraded`,
      plugin: "bridge",
      source: "SPEC, section 3: an attachment is a container ID and an interface name",
      needs: [backend],
      outside: true,
      leaves,
      steps: [
        { serve: "tcp", in: "outside", port: 80 },
        { call: "ADD", config: masquerading(backend) },
        { call: "ADD", config: masqueradingOnly(backend), ifname: "eth1" },
        { call: "DEL", config: masquerading(backend) },
        run("ip route replace default via 10.1.2.1 dev eth1", "c1"),
        out("c1", "192.0.2.2", true),
        { call: "DEL", config: masqueradingOnly(backend), ifname: "eth1" },
        ...withoutTrace,
      ],
    }),
  ),
  {
    name: "ipMasq with nftables: an address with a new container stays his when the last one's DEL comes late",
    plugin: "bridge",
    source: "containernetworking/plugins#1139: an address is used again before the last DEL",
    needs: ["nftables"],
    outside: true,
    containers: ["c1", "c2"],
    leaves,
    steps: [
      { serve: "tcp", in: "outside", port: 80 },
      { call: "ADD", config: masquerading("nftables"), container: "c1" },
      run("rm -rf /var/lib/cni/networks"),
      run("ip netns delete c1"),
      { call: "ADD", config: masquerading("nftables"), container: "c2" },
      { call: "DEL", config: masquerading("nftables"), container: "c1" },
      out("c2", "192.0.2.2", true),
      { packet: "ping", from: "c2", to: "10.1.2.1", arrives: true },
    ],
  },
  {
    name: "ipMasq with several addresses of a family: DEL removes all rules the first time",
    plugin: "bridge",
    source: "SPEC, section 2, DEL",
    needs: ["iptables"],
    leaves: baseRules,
    steps: [
      { call: "ADD", config: manyAddresses() },
      { rules: "ipv4", has: [{ $match: "10\\.1\\.2\\.2" }, { $match: "10\\.1\\.4\\.2" }] },
      { call: "DEL", config: manyAddresses() },
      ...withoutTrace,
    ],
  },
  {
    name: "ipMasq with iptables leaves multicast alone",
    plugin: "bridge",
    source: `${manual}: ipMasq; RFC 1112`,
    needs: ["iptables"],
    steps: [
      { call: "ADD", config: masquerading("iptables") },
      { rules: "ipv4", has: [{ $match: "! -d 224\\.0\\.0\\.0/4 .*MASQUERADE" }] },
      { rules: "ipv6", has: [{ $match: "! -d ff00::/8 .*MASQUERADE" }] },
    ],
  },
  {
    name: "an unknown ipMasqBackend is refused, and nothing is made",
    plugin: "bridge",
    source: "SPEC, section 5, Error: code 7",
    steps: [
      {
        call: "ADD",
        config: masquerading("iptable"),
        expect: { error: { msg: { $match: "iptable" } } },
      },
      ...nothingMade,
    ],
  },
  {
    name: "DEL forgets the connections that were masqueraded",
    plugin: "bridge",
    source: "containernetworking/plugins#1190",
    needs: ["iptables"],
    outside: true,
    leaves: baseRules,
    steps: [
      { serve: "udp", in: "outside", port: 53 },
      { call: "ADD", config: masquerading("iptables") },
      { packet: "udp", from: "c1", to: "192.0.2.2", port: 53, arrives: true },
      { look: ["conntrack", "-L", "-s", "10.1.2.2"], shows: { $has: [{ $match: "dport=53" }] } },
      { packet: "udp", from: "c1", to: "2001:db8:ffff::2", port: 53, arrives: true },
      { call: "DEL", config: masquerading("iptables") },
      { look: ["conntrack", "-L", "-s", "10.1.2.2"], shows: [] },
      { look: ["conntrack", "-L", "-f", "ipv6", "-s", "2001:db8:5::2"], shows: [] },
    ],
  },
  {
    name: "without ipMasq there are no rules at all",
    plugin: "bridge",
    source: `${manual}: ipMasq`,
    needs: ["iptables"],
    steps: [
      { call: "ADD", config: dual },
      { rules: "ipv4", lacks: [{ $match: "." }] },
      { rules: "ipv6", lacks: [{ $match: "." }] },
    ],
  },
  {
    name: "ipMasq without ipMasqBackend masquerades",
    plugin: "bridge",
    source: `${manual}: ipMasqBackend, default`,
    outside: true,
    leaves,
    steps: [
      { serve: "tcp", in: "outside", port: 80 },
      { call: "ADD", config: { ...plain, isDefaultGateway: true, ipMasq: true } },
      out("c1", "192.0.2.2", true),
    ],
  },
];
