import type { Scenario } from "../../scenario/scenario.ts";
import { dual, layer2, leased, link, mac, nothingMade, ports, routed, run, v6, value } from "./parts.ts";

const manual = "CNI plugins, bridge";

const port = (flags: { hairpin?: boolean; isolated?: boolean }) =>
  ports([{ linkinfo: { info_slave_data: flags } }]);

/** Duplicate address detection: another container has the address 2001:db8:5::50 already. */
const taken = { ...layer2, isGateway: true, ...leased(v6), args: { cni: { ips: ["2001:db8:5::50"] } } };

/** MTU, hairpin, promiscuous mode, isolation, duplicate addresses. */
export const portSettings: readonly Scenario[] = [
  {
    name: "mtu: of a new bridge, its port and the container's end",
    plugin: "bridge",
    source: `${manual}: mtu`,
    steps: [
      { call: "ADD", config: { ...routed, mtu: 1400 } },
      link("br0", { mtu: 1400 }),
      ports([{ mtu: 1400 }]),
      link("eth0", { mtu: 1400 }, "c1"),
      { call: "CHECK", config: { ...routed, mtu: 1400 } },
    ],
  },
  {
    name: "mtu above 1500: packets of that size pass",
    plugin: "bridge",
    source: `${manual}: mtu; containernetworking/plugins#352`,
    steps: [
      { call: "ADD", config: { ...routed, mtu: 9000 } },
      link("br0", { mtu: 9000 }),
      run("ping -n -c1 -W30 -M do -s 8900 10.1.2.2"),
    ],
  },
  {
    name: "an mtu above that of a bridge that others use is refused, and nothing changes",
    plugin: "bridge",
    source: "containernetworking/cni#356: a bridge's MTU is that of its lowest port",
    containers: ["c1", "c2"],
    steps: [
      { call: "ADD", config: routed, container: "c2" },
      { mark: true },
      { call: "ADD", config: { ...routed, mtu: 9000 }, expect: { error: { msg: { $match: "9000.*br0" } } } },
      { unchanged: true, except: "furniture" },
      link("br0", { mtu: 1500 }),
    ],
  },
  {
    name: "hairpinMode is set on the port",
    plugin: "bridge",
    source: `${manual}: hairpinMode`,
    steps: [
      { call: "ADD", config: { ...routed, hairpinMode: true } },
      port({ hairpin: true, isolated: false }),
      { call: "CHECK", config: { ...routed, hairpinMode: true } },
    ],
  },
  ...[true, false].map(
    (hairpinMode): Scenario => ({
      name: hairpinMode
        ? "hairpinMode lets a container reach itself by an address of the host"
        : "without hairpinMode a container does not reach itself by an address of the host",
      plugin: "bridge",
      source: `${manual}: hairpinMode; hashicorp/nomad#13352`,
      needs: ["iptables"],
      steps: [
        { call: "ADD", config: { ...routed, hairpinMode } },
        { serve: "tcp", in: "c1", port: 80 },
        run("iptables -t nat -A PREROUTING -d 10.1.2.1 -p tcp --dport 8001 -j DNAT --to 10.1.2.2:80"),
        run("iptables -t nat -A POSTROUTING -s 10.1.2.2 -d 10.1.2.2 -j MASQUERADE"),
        { packet: "tcp", from: "c1", to: "10.1.2.1", port: 8001, arrives: hairpinMode, at: "c1" },
        run("iptables -t nat -F"),
        run("conntrack -F"),
      ],
    }),
  ),
  {
    name: "promiscMode is set on the bridge",
    plugin: "bridge",
    source: `${manual}: promiscMode`,
    versions: ["0.3.1", "1.1.0"],
    steps: [
      { call: "ADD", config: { ...routed, promiscMode: true } },
      link("br0", { promiscuity: 1, flags: { $has: ["PROMISC"] } }),
      { call: "CHECK", config: { ...routed, promiscMode: true } },
      { packet: "ping", from: "c1", to: "10.1.2.1", arrives: true },
    ],
  },
  {
    name: "hairpinMode and promiscMode exclude each other",
    plugin: "bridge",
    source: `${manual}: hairpinMode, promiscMode`,
    steps: [
      {
        call: "ADD",
        config: { ...routed, hairpinMode: true, promiscMode: true },
        expect: { error: { msg: { $match: "hairpin.*promisc" } } },
      },
      ...nothingMade,
    ],
  },
  {
    name: "ipam and disableContainerInterface exclude each other",
    plugin: "bridge",
    source: `${manual}: disableContainerInterface`,
    steps: [
      {
        call: "ADD",
        config: { ...routed, disableContainerInterface: true },
        expect: { error: { msg: { $match: "(?i:ipam)" } } },
      },
      ...nothingMade,
    ],
  },
  {
    name: "portIsolation is set on the port",
    plugin: "bridge",
    source: `${manual}: portIsolation`,
    versions: ["0.1.0", "1.1.0"],
    steps: [
      { call: "ADD", config: { ...routed, portIsolation: true } },
      port({ hairpin: false, isolated: true }),
      { call: "CHECK", config: { ...routed, portIsolation: true } },
    ],
  },
  {
    name: "isolated ports reach the host and other ports, but not each other",
    plugin: "bridge",
    source: `${manual}: portIsolation`,
    containers: ["c1", "c2", "c3"],
    steps: [
      { call: "ADD", config: { ...dual, portIsolation: true } },
      { call: "ADD", config: { ...dual, portIsolation: true }, container: "c2" },
      { call: "ADD", config: dual, container: "c3" },
      { packet: "ping", from: "c2", to: "10.1.2.1", arrives: true },
      { packet: "ping", from: "c2", to: "10.1.2.4", arrives: true },
      { packet: "ping", from: "c2", to: "10.1.2.2", arrives: false },
      { packet: "ping", from: "c2", to: "2001:db8:5::2", arrives: false },
    ],
  },
  {
    name: "without enabledad an IPv6 address works at once",
    plugin: "bridge",
    source: `${manual}: enabledad; containernetworking/plugins#680`,
    steps: [
      { call: "ADD", config: dual },
      {
        look: ["ip", "-j", "-6", "address", "show", "dev", "eth0", "scope", "global"],
        in: "c1",
        shows: [{ addr_info: [{ local: "2001:db8:5::2", tentative: { $absent: true } }] }],
      },
      value("/proc/sys/net/ipv6/conf/eth0/accept_dad", "0", "c1"),
    ],
  },
  {
    name: "enabledad waits until the address is known to be free",
    plugin: "bridge",
    source: `${manual}: enabledad`,
    steps: [
      { call: "ADD", config: { ...dual, enabledad: true } },
      {
        look: ["ip", "-j", "-6", "address", "show", "dev", "eth0", "scope", "global"],
        in: "c1",
        shows: [{ addr_info: [{ local: "2001:db8:5::2", tentative: { $absent: true } }] }],
      },
      value("/proc/sys/net/ipv6/conf/eth0/accept_dad", "1", "c1"),
      { call: "CHECK", config: { ...dual, enabledad: true } },
    ],
  },
  {
    name: "enabledad: an address that somebody has already is refused",
    plugin: "bridge",
    source: `${manual}: enabledad; RFC 4862, section 5.4`,
    containers: ["c1", "c2"],
    steps: [
      { call: "ADD", config: { ...layer2, isGateway: true, ...leased(v6) }, container: "c2" },
      run("ip address add 2001:db8:5::50/64 dev eth0 nodad", "c2"),
      { call: "ADD", config: { ...taken, enabledad: true }, expect: { error: { msg: { $match: "\\S" } } } },
    ],
  },
  {
    name: "IPv6 is switched on in a container that has it switched off",
    plugin: "bridge",
    source: "containernetworking/plugins: the IPAM plugin's addresses are set",
    steps: [
      run("sysctl -qw net.ipv6.conf.default.disable_ipv6=1", "c1"),
      { call: "ADD", config: dual },
      value("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", "0", "c1"),
      { packet: "ping", from: "host", to: "2001:db8:5::2", arrives: true },
    ],
  },
  {
    name: "an address that comes back with another container is known to the neighbours",
    plugin: "bridge",
    source: "containernetworking/plugins#858, containernetworking/cni#88",
    containers: ["c1", "c2", "c3"],
    steps: [
      { call: "ADD", config: dual, container: "c1" },
      { call: "ADD", config: dual, container: "c2" },
      { packet: "ping", from: "c2", to: "10.1.2.2", arrives: true },
      { packet: "ping", from: "c2", to: "2001:db8:5::2", arrives: true },
      { call: "DEL", config: dual, container: "c1" },
      {
        call: "ADD",
        config: {
          ...dual,
          args: { cni: { ips: ["10.1.2.2", "2001:db8:5::2"] } },
          runtimeConfig: { mac: mac(9) },
        },
        container: "c3",
      },
      ...["10.1.2.2", "2001:db8:5::2"].map((address) => ({
        look: ["ip", "-j", "neigh", "show", address],
        in: "c2",
        shows: [{ lladdr: mac(9) }],
      })),
      value("/proc/sys/net/ipv6/conf/eth0/ndisc_notify", "0", "c3"),
    ],
  },
];
