import type { Scenario } from "../../scenario/scenario.ts";
import {
  addresses,
  defaultRoute,
  dual,
  interfaces,
  ip,
  layer2,
  leased,
  link,
  mac,
  plain,
  ports,
  routed,
  run,
  unplugged,
  v4,
  v6,
} from "./parts.ts";

const manual = "CNI plugins, bridge";

/** What a container gets: its link, addresses, routes and name servers, in every version of the specification. */
export const attach: readonly Scenario[] = [
  {
    name: "IPv4: the container has an address, a default route and its gateway on the bridge",
    plugin: "bridge",
    source: `${manual}: isDefaultGateway; SPEC, section 2, ADD, CHECK, DEL`,
    versions: "all",
    steps: [
      {
        call: "ADD",
        config: routed,
        expect: {
          result: {
            interfaces: interfaces(),
            ips: [ip("10.1.2.2/24", "10.1.2.1")],
            routes: [{ dst: "0.0.0.0/0", gw: "10.1.2.1" }],
          },
        },
      },
      addresses("eth0", ["10.1.2.2/24"], "c1"),
      addresses("br0", ["10.1.2.1/24"]),
      defaultRoute("10.1.2.1"),
      link("eth0", { operstate: "UP", linkinfo: { info_kind: "veth" } }, "c1"),
      link("br0", { operstate: "UP", promiscuity: 0, linkinfo: { info_kind: "bridge" } }),
      ports([{ operstate: "UP", linkinfo: { info_slave_data: { hairpin: false, isolated: false } } }]),
      { packet: "ping", from: "host", to: "10.1.2.2", arrives: true },
      { packet: "ping", from: "c1", to: "10.1.2.1", arrives: true },
      { call: "CHECK", config: routed },
      { call: "DEL", config: routed },
      { call: "DEL", config: routed },
      unplugged(),
      ports([]),
    ],
  },
  {
    name: "IPv6: the same",
    plugin: "bridge",
    source: `${manual}: isDefaultGateway`,
    versions: "all",
    steps: [
      {
        call: "ADD",
        config: { ...layer2, isDefaultGateway: true, ...leased(v6) },
        expect: {
          result: {
            interfaces: interfaces(),
            ips: [ip("2001:db8:5::2/64", "2001:db8:5::1")],
            routes: [{ dst: "::/0", gw: "2001:db8:5::1" }],
          },
        },
      },
      addresses("eth0", ["2001:db8:5::2/64"], "c1"),
      addresses("br0", ["2001:db8:5::1/64"]),
      defaultRoute("2001:db8:5::1"),
      { packet: "ping", from: "host", to: "2001:db8:5::2", arrives: true },
      { call: "CHECK", config: { ...layer2, isDefaultGateway: true, ...leased(v6) } },
      { call: "DEL", config: { ...layer2, isDefaultGateway: true, ...leased(v6) } },
      unplugged(),
    ],
  },
  {
    name: "three ranges: an address of each, one default route for a family",
    plugin: "bridge",
    source: `${manual}: isDefaultGateway`,
    versions: { from: "0.3.0" },
    steps: [
      {
        call: "ADD",
        config: { ...layer2, isDefaultGateway: true, ...leased(v4, v6, [{ subnet: "2001:db8:6::/64" }]) },
        expect: {
          result: {
            ips: [
              ip("10.1.2.2/24", "10.1.2.1"),
              ip("2001:db8:5::2/64", "2001:db8:5::1"),
              ip("2001:db8:6::2/64", "2001:db8:6::1"),
            ],
            routes: [
              { dst: "0.0.0.0/0", gw: "10.1.2.1" },
              { dst: "::/0", gw: "2001:db8:5::1" },
            ],
          },
        },
      },
      addresses("br0", ["10.1.2.1/24", "2001:db8:5::1/64", "2001:db8:6::1/64"]),
      defaultRoute("2001:db8:5::1"),
    ],
  },
  {
    name: "two addresses of a family are refused where a result cannot hold them",
    plugin: "bridge",
    source: "SPEC 0.2.0, Result: one ip4 and one ip6",
    versions: { to: "0.2.0" },
    steps: [
      {
        call: "ADD",
        config: { ...layer2, ...leased(v6, [{ subnet: "2001:db8:6::/64" }]) },
        expect: { error: { msg: { $match: "address" } } },
      },
      { unchanged: true, except: "furniture" },
      unplugged(),
    ],
  },
  {
    name: "layer 2: a link without addresses",
    plugin: "bridge",
    source: `${manual}: "If ipam is left out, a layer 2 network"`,
    versions: { from: "0.3.0" },
    steps: [
      {
        call: "ADD",
        config: layer2,
        expect: { result: { interfaces: interfaces(), ips: { $anyOf: [{ $absent: true }, []] } } },
      },
      link("eth0", { operstate: "UP" }, "c1"),
      addresses("eth0", [], "c1"),
      { call: "DEL", config: layer2 },
      { call: "DEL", config: layer2 },
      unplugged(),
    ],
  },
  {
    name: "layer 2: CHECK finds it right",
    plugin: "bridge",
    source: "SPEC, section 2, CHECK: succeeds when all is as ADD left it",
    versions: { from: "0.4.0" },
    steps: [
      { call: "ADD", config: layer2 },
      { call: "CHECK", config: layer2 },
    ],
  },
  {
    name: "layer 2 is refused where a result cannot say it, and nothing is made",
    plugin: "bridge",
    source: "SPEC 0.2.0, Result: an address is needed",
    versions: { to: "0.2.0" },
    steps: [
      { call: "ADD", config: layer2, expect: { error: { msg: { $match: "\\S" } } } },
      { unchanged: true },
      unplugged(),
    ],
  },
  {
    name: "layer 2: packets pass between containers that address themselves",
    plugin: "bridge",
    source: `${manual}: layer 2`,
    containers: ["c1", "c2"],
    steps: [
      { call: "ADD", config: layer2 },
      { call: "ADD", config: layer2, container: "c2" },
      run("ip address add 10.7.0.1/24 dev eth0", "c1"),
      run("ip address add 10.7.0.2/24 dev eth0", "c2"),
      { packet: "ping", from: "c1", to: "10.7.0.2", arrives: true },
    ],
  },
  {
    name: "disableContainerInterface leaves the container's end down, without any address",
    plugin: "bridge",
    source: `${manual}: disableContainerInterface`,
    versions: { from: "0.3.0" },
    steps: [
      { call: "ADD", config: { ...layer2, disableContainerInterface: true } },
      link("eth0", { flags: { $lacks: ["UP"] }, operstate: "DOWN" }, "c1"),
      { look: ["ip", "-j", "-6", "address", "show", "dev", "eth0"], in: "c1", shows: [] },
      { call: "DEL", config: { ...layer2, disableContainerInterface: true } },
      unplugged(),
    ],
  },
  {
    name: "the interface has the name that was asked for, up to 15 bytes",
    plugin: "bridge",
    source: "SPEC, section 2, Parameters: CNI_IFNAME",
    steps: [
      {
        call: "ADD",
        config: routed,
        ifname: "fifteen-letters",
        expect: { result: { interfaces: interfaces({ ifname: "fifteen-letters" }) } },
      },
      addresses("fifteen-letters", ["10.1.2.2/24"], "c1"),
      { call: "CHECK", config: routed, ifname: "fifteen-letters" },
      { call: "DEL", config: routed, ifname: "fifteen-letters" },
      unplugged(),
    ],
  },
  {
    name: "without the key `bridge` it is cni0",
    plugin: "bridge",
    source: `${manual}: bridge, default "cni0"`,
    steps: [
      {
        call: "ADD",
        config: leased(v4),
        expect: { result: { interfaces: interfaces({ bridge: "cni0" }) } },
      },
      ports([{ operstate: "UP" }], "cni0"),
      { call: "CHECK", config: leased(v4) },
      { call: "DEL", config: leased(v4) },
      ports([], "cni0"),
    ],
  },
  {
    name: "the result tells the true hardware addresses",
    plugin: "bridge",
    source: "SPEC, section 5, interfaces: mac",
    steps: [
      {
        call: "ADD",
        config: routed,
        expect: {
          result: {
            interfaces: [
              { name: "br0", mac: { $as: "bridgeMac" } },
              { name: { $as: "port" }, mac: { $as: "portMac" } },
              { name: "eth0", mac: { $as: "containerMac" } },
            ],
          },
        },
      },
      link("br0", { address: "${bridgeMac}" }),
      link("${port}", { address: { $all: ["${portMac}", { $not: "${bridgeMac}" }] }, master: "br0" }),
      link("eth0", { address: "${containerMac}" }, "c1"),
    ],
  },
  {
    name: "the MAC of CNI_ARGS",
    plugin: "bridge",
    source: `${manual}: CNI_ARGS MAC`,
    versions: "all",
    steps: [
      { call: "ADD", config: plain, args: `IgnoreUnknown=1;MAC=${mac(1)}` },
      link("eth0", { address: mac(1) }, "c1"),
      { call: "CHECK", config: plain, args: `IgnoreUnknown=1;MAC=${mac(1)}` },
    ],
  },
  {
    name: "the MAC of args is stronger than that of CNI_ARGS",
    plugin: "bridge",
    source: "CONVENTIONS: args",
    steps: [
      {
        call: "ADD",
        config: { ...plain, args: { cni: { mac: mac(2) } } },
        args: `IgnoreUnknown=1;MAC=${mac(1)}`,
      },
      link("eth0", { address: mac(2) }, "c1"),
    ],
  },
  {
    name: "the MAC of runtimeConfig is stronger than both",
    plugin: "bridge",
    source: "CONVENTIONS: capability mac",
    versions: "all",
    steps: [
      {
        call: "ADD",
        config: { ...plain, args: { cni: { mac: mac(2) } }, runtimeConfig: { mac: mac(3) } },
        args: `IgnoreUnknown=1;MAC=${mac(1)}`,
      },
      link("eth0", { address: mac(3) }, "c1"),
    ],
  },
  {
    name: "a MAC that is none is refused, and nothing is made",
    plugin: "bridge",
    source: "SPEC, section 5, Error: code 7",
    steps: [
      {
        call: "ADD",
        config: { ...plain, runtimeConfig: { mac: "02:00:zz" } },
        expect: { error: { msg: { $match: "02:00:zz" } } },
      },
      { unchanged: true },
      unplugged(),
    ],
  },
  ...[
    { from: "runtimeConfig", config: { runtimeConfig: { ips: ["10.1.2.50/24"] } } },
    { from: "args", config: { args: { cni: { ips: ["10.1.2.50"] } } } },
    { from: "CNI_ARGS", args: "IgnoreUnknown=1;IP=10.1.2.50", config: {} },
  ].map(
    ({ from, config, args }): Scenario => ({
      name: `a static address by ${from}`,
      plugin: "bridge",
      source: "CONVENTIONS: capability ips, args, CNI_ARGS IP",
      steps: [
        {
          call: "ADD",
          config: { ...routed, ...config },
          ...(args !== undefined && { args }),
          expect: { result: { ips: [ip("10.1.2.50/24", "10.1.2.1")] } },
        },
        addresses("eth0", ["10.1.2.50/24"], "c1"),
        { packet: "ping", from: "c1", to: "10.1.2.1", arrives: true },
      ],
    }),
  ),
  {
    name: "an unknown word in CNI_ARGS is refused, unless IgnoreUnknown is there",
    plugin: "bridge",
    source: "CONVENTIONS: CNI_ARGS, IgnoreUnknown",
    steps: [
      {
        call: "ADD",
        config: plain,
        args: "K8S_POD_NAME=web",
        expect: { error: { msg: { $match: "K8S_POD_NAME" } } },
      },
      { unchanged: true },
      { call: "ADD", config: plain, args: "IgnoreUnknown=true;K8S_POD_NAME=web" },
    ],
  },
  {
    name: "name servers come from the IPAM plugin",
    plugin: "bridge",
    source: "SPEC, section 5, dns; host-local: resolvConf",
    versions: "all",
    steps: [
      { write: "/run/test/resolv.conf", content: "nameserver 192.0.2.53\nsearch example.net\n" },
      {
        call: "ADD",
        config: {
          ...layer2,
          ipam: { type: "host-local", ranges: [v4], resolvConf: "/run/test/resolv.conf" },
        },
        expect: { result: { dns: { nameservers: ["192.0.2.53"], search: ["example.net"] } } },
      },
    ],
  },
  {
    name: "`dns` of the configuration replaces the IPAM plugin's as a whole",
    plugin: "bridge",
    source: `${manual}: dns`,
    steps: [
      { write: "/run/test/resolv.conf", content: "nameserver 192.0.2.53\nsearch example.net\n" },
      {
        call: "ADD",
        config: {
          ...layer2,
          ipam: { type: "host-local", ranges: [v4], resolvConf: "/run/test/resolv.conf" },
          dns: { nameservers: ["192.0.2.54"], domain: "example.org", options: ["ndots:2"] },
        },
        expect: {
          result: {
            dns: {
              $exactly: { nameservers: ["192.0.2.54"], domain: "example.org", options: ["ndots:2"] },
            },
          },
        },
      },
    ],
  },
  {
    name: "layer 2 has the name servers of `dns`",
    plugin: "bridge",
    source: `${manual}: dns`,
    versions: ["0.3.1", "1.1.0"],
    steps: [
      {
        call: "ADD",
        config: { ...layer2, dns: { nameservers: ["192.0.2.54"], search: ["example.org"] } },
        expect: { result: { dns: { nameservers: ["192.0.2.54"], search: ["example.org"] } } },
      },
    ],
  },
  {
    name: "two interfaces of a container in two networks",
    plugin: "bridge",
    source: "SPEC, section 3: an attachment is a container ID and an interface name",
    steps: [
      { call: "ADD", config: routed },
      {
        call: "ADD",
        ifname: "eth1",
        config: { name: "net2", bridge: "br1", isGateway: true, ...leased([{ subnet: "10.1.3.0/24" }]) },
        expect: { result: { interfaces: interfaces({ bridge: "br1", ifname: "eth1" }) } },
      },
      addresses("eth1", ["10.1.3.2/24"], "c1"),
      { call: "DEL", config: routed },
      { packet: "ping", from: "c1", to: "10.1.3.1", arrives: true },
      { look: ["ip", "-j", "link"], in: "c1", shows: [{ ifname: "lo" }, { ifname: "eth1" }] },
    ],
  },
  {
    name: "two interfaces of a container in one network: DEL of one leaves the other",
    plugin: "bridge",
    source: "SPEC, section 3: an attachment is a container ID and an interface name",
    steps: [
      { call: "ADD", config: dual },
      {
        call: "ADD",
        config: { ...dual, isDefaultGateway: false, isGateway: true },
        ifname: "eth1",
        expect: { result: { ips: [{ address: "10.1.2.3/24" }, { address: "2001:db8:5::3/64" }] } },
      },
      { call: "DEL", config: dual },
      { packet: "ping", from: "host", to: "10.1.2.3", arrives: true },
      { packet: "ping", from: "host", to: "2001:db8:5::3", arrives: true },
      {
        call: "CHECK",
        config: { ...dual, isDefaultGateway: false, isGateway: true },
        ifname: "eth1",
      },
      {
        call: "DEL",
        config: { ...dual, isDefaultGateway: false, isGateway: true },
        ifname: "eth1",
      },
      unplugged(),
    ],
  },
  {
    name: "VERSION lists every version that ADD accepts",
    plugin: "bridge",
    source: "SPEC, section 2, VERSION",
    versions: "all",
    steps: [{ call: "VERSION", expect: { result: { supportedVersions: { $has: ["${version}"] } } } }],
  },
];
