import type { JsonObject } from "../../harness/host/json.ts";
import type { ChainStep, Scenario, Step, Suite } from "../../scenario/scenario.ts";
import {
  addresses,
  defaultRoute,
  dual,
  interfaces,
  ip,
  layer2,
  lease,
  leased,
  masquerading,
  nothingMade,
  run,
  unplugged,
  v4,
  v6,
  value,
} from "../bridge/parts.ts";

const published = {
  portMappings: ["tcp", "udp"].map((protocol) => ({ hostPort: 8080, containerPort: 80, protocol })),
};
const portmap = (backend: string): JsonObject => ({
  type: "portmap",
  backend,
  capabilities: { portMappings: true },
});
const bridge = { type: "bridge", ...dual };

const call = (chain: ChainStep["chain"], ...plugins: JsonObject[]): Step => ({
  chain,
  plugins,
  capabilityArgs: published,
});

/** The published port of the container, from outside: TCP and UDP, in the families that are given. */
const reached = (arrives: boolean, ...to: string[]): Step[] =>
  to.flatMap((address) =>
    (["tcp", "udp"] as const).map(
      (packet): Step => ({
        packet,
        from: "outside",
        to: address,
        port: 8080,
        arrives,
        ...(arrives && { at: "c1", source: address.includes(":") ? "2001:db8:ffff::2" : "192.0.2.2" }),
      }),
    ),
  );

const host4 = "192.0.2.1";
const host6 = "2001:db8:ffff::1";
/** Tables and chains without an address or a port of the container may stay; connections end later. */
const leaves = { nft: ["^(?!.*(10\\.1\\.2\\.|2001:db8:5:|8080))"], conntrack: ["^(tcp|udp|icmp)"] };
const servers: readonly Step[] = [
  { serve: "tcp", in: "c1", port: 80 },
  { serve: "udp", in: "c1", port: 80 },
];

/** IPv4 and IPv6 at the same time, and IPv6 alone. */
export const dualStack: Suite = {
  name: "dual stack",
  scenarios: [
    {
      name: "both families: addresses, gateways, routes and leases, in every version",
      plugin: "bridge",
      source: "SPEC, section 5; SPEC 0.2.0, Result: ip4 and ip6",
      versions: "all",
      steps: [
        {
          call: "ADD",
          config: dual,
          expect: {
            result: {
              interfaces: interfaces(),
              ips: [ip("10.1.2.2/24", "10.1.2.1"), ip("2001:db8:5::2/64", "2001:db8:5::1")],
              routes: [
                { dst: "0.0.0.0/0", gw: "10.1.2.1" },
                { dst: "::/0", gw: "2001:db8:5::1" },
              ],
            },
          },
        },
        addresses("eth0", ["10.1.2.2/24", "2001:db8:5::2/64"], "c1"),
        addresses("br0", ["10.1.2.1/24", "2001:db8:5::1/64"]),
        defaultRoute("10.1.2.1"),
        defaultRoute("2001:db8:5::1"),
        lease("10.1.2.2", "c1"),
        lease("2001:db8:5::2", "c1"),
        { packet: "ping", from: "host", to: "10.1.2.2", arrives: true },
        { packet: "ping", from: "host", to: "2001:db8:5::2", arrives: true },
        value("/proc/sys/net/ipv4/ip_forward", "1"),
        value("/proc/sys/net/ipv6/conf/all/forwarding", "1"),
        { call: "CHECK", config: dual },
        { call: "DEL", config: dual },
        { call: "DEL", config: dual },
        lease("10.1.2.2", null),
        lease("2001:db8:5::2", null),
        unplugged(),
      ],
    },
    {
      name: "the addresses come in the order of the ranges",
      plugin: "bridge",
      source: "host-local: ranges; Kubernetes takes the first address as the pod's own",
      versions: { from: "0.3.0" },
      steps: [
        {
          call: "ADD",
          config: { ...layer2, ...leased(v6, v4) },
          expect: { result: { ips: [{ address: "2001:db8:5::2/64" }, { address: "10.1.2.2/24" }] } },
        },
      ],
    },
    {
      name: "one family used up: ADD fails, and the other's address is free",
      plugin: "bridge",
      source: "host-local: ranges",
      steps: [
        {
          call: "ADD",
          config: {
            ...dual,
            ...leased(v4, [
              { subnet: "2001:db8:5::/64", rangeStart: "2001:db8:5::1", rangeEnd: "2001:db8:5::1" },
            ]),
          },
          expect: { error: { msg: { $match: "address" } } },
        },
        lease("10.1.2.2", null),
        ...nothingMade,
      ],
    },
    {
      name: "a set of ranges with both families is refused",
      plugin: "bridge",
      source: "host-local: the ranges of a set must be of one family",
      steps: [
        {
          call: "ADD",
          config: { ...dual, ...leased([...v4, ...v6]) },
          expect: { error: { msg: { $match: "\\S" } } },
        },
        ...nothingMade,
      ],
    },
    {
      name: "the runtime's ranges of both families",
      plugin: "bridge",
      source: "CONVENTIONS: capability ipRanges",
      versions: ["0.3.1", "1.1.0"],
      steps: [
        {
          call: "ADD",
          config: {
            ...layer2,
            isDefaultGateway: true,
            ipam: { type: "host-local" },
            runtimeConfig: { ipRanges: [[{ subnet: "10.1.2.0/24" }], [{ subnet: "2001:db8:5::/64" }]] },
          },
          expect: { result: { ips: [{ address: "10.1.2.2/24" }, { address: "2001:db8:5::2/64" }] } },
        },
        defaultRoute("10.1.2.1"),
        defaultRoute("2001:db8:5::1"),
      ],
    },
    {
      name: "static addresses of both families",
      plugin: "bridge",
      source: "CONVENTIONS: capability ips",
      steps: [
        {
          call: "ADD",
          config: { ...dual, runtimeConfig: { ips: ["10.1.2.50/24", "2001:db8:5::50/64"] } },
          expect: { result: { ips: [{ address: "10.1.2.50/24" }, { address: "2001:db8:5::50/64" }] } },
        },
        { packet: "ping", from: "host", to: "10.1.2.50", arrives: true },
        { packet: "ping", from: "host", to: "2001:db8:5::50", arrives: true },
      ],
    },
    ...(["iptables", "nftables"] as const).map(
      (backend): Scenario => ({
        name: `a published port is reached in both families (${backend})`,
        plugin: "portmap",
        source: "CNI plugins, portmap: capability portMappings",
        needs: [backend],
        outside: true,
        leaves,
        steps: [
          call("ADD", bridge, portmap(backend)),
          ...servers,
          ...reached(true, host4, host6),
          call("CHECK", bridge, portmap(backend)),
          call("DEL", bridge, portmap(backend)),
          ...reached(false, host4, host6),
        ],
      }),
    ),
    {
      name: "a published port of a container with IPv6 alone: nothing answers by IPv4",
      plugin: "portmap",
      source: "CNI plugins, portmap: capability portMappings",
      needs: ["iptables"],
      outside: true,
      leaves,
      steps: [
        call("ADD", ipv6Bridge(), portmap("iptables")),
        ...servers,
        ...reached(true, host6),
        ...reached(false, host4),
        { look: ["ip", "-j", "-4", "route"], in: "c1", shows: [] },
      ],
    },
    {
      name: "a host address in a mapping publishes in its family alone",
      plugin: "portmap",
      source: "CONVENTIONS: portMappings, hostIP",
      needs: ["iptables"],
      outside: true,
      leaves,
      steps: [
        {
          chain: "ADD",
          plugins: [bridge, portmap("iptables")],
          capabilityArgs: {
            portMappings: published.portMappings.map((mapping) => ({ ...mapping, hostIP: host6 })),
          },
        },
        ...servers,
        ...reached(true, host6),
        ...reached(false, host4),
      ],
    },
    {
      name: "a host that drops what it forwards lets both families of the container pass",
      plugin: "firewall",
      source: "CNI plugins, firewall: iptables; containernetworking/plugins PR#75",
      needs: ["iptables"],
      outside: true,
      leaves,
      steps: [
        run("iptables -P FORWARD DROP"),
        run("ip6tables -P FORWARD DROP"),
        { serve: "tcp", in: "outside", port: 80 },
        call("ADD", masqueraded()),
        { packet: "tcp", from: "c1", to: "192.0.2.2", port: 80, arrives: false },
        { packet: "tcp", from: "c1", to: "2001:db8:ffff::2", port: 80, arrives: false },
        call("DEL", masqueraded()),
        call("ADD", masqueraded(), { type: "firewall", backend: "iptables" }),
        { packet: "tcp", from: "c1", to: "192.0.2.2", port: 80, arrives: true, at: "outside" },
        { packet: "tcp", from: "c1", to: "2001:db8:ffff::2", port: 80, arrives: true, at: "outside" },
        call("CHECK", masqueraded(), { type: "firewall", backend: "iptables" }),
        call("DEL", masqueraded(), { type: "firewall", backend: "iptables" }),
        { rules: "ipv4", lacks: [{ $match: "10\\.1\\.2\\." }] },
        { rules: "ipv6", lacks: [{ $match: "2001:db8:5:" }] },
        run("iptables -P FORWARD ACCEPT"),
        run("ip6tables -P FORWARD ACCEPT"),
      ],
    },
  ],
};

function ipv6Bridge(): JsonObject {
  return { type: "bridge", ...layer2, isDefaultGateway: true, ...leased(v6) };
}

function masqueraded(): JsonObject {
  return { type: "bridge", ...masquerading("iptables") };
}
