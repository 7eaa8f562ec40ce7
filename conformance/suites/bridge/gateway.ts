import type { Scenario } from "../../scenario/scenario.ts";
import {
  addresses,
  defaultRoute,
  dual,
  gateway,
  ip,
  layer2,
  leased,
  link,
  nothingMade,
  plain,
  routed,
  run,
  unplugged,
  v4,
  v6,
  value,
} from "./parts.ts";

const manual = "CNI plugins, bridge";
const forwarding = "/proc/sys/net/ipv4/ip_forward";
const forwarding6 = "/proc/sys/net/ipv6/conf/all/forwarding";
const overlapping = { ...layer2, isGateway: true, ...leased([{ subnet: "2001:db8:1:2::/64" }]) };

/** The bridge as the containers' gateway, and bridges that were there before. */
export const gateways: readonly Scenario[] = [
  {
    name: "without isGateway the bridge has no address and the host forwards nothing new",
    plugin: "bridge",
    source: `${manual}: isGateway`,
    steps: [
      run("sysctl -qw net.ipv4.ip_forward=0"),
      { call: "ADD", config: plain, expect: { result: { ips: [ip("10.1.2.2/24")] } } },
      addresses("br0", []),
      { look: ["ip", "-j", "route", "show", "default"], in: "c1", shows: [] },
      value(forwarding, "0"),
    ],
  },
  {
    name: "isGateway: the gateway's address on the bridge, forwarding for its family, no default route",
    plugin: "bridge",
    source: `${manual}: isGateway`,
    steps: [
      run("sysctl -qw net.ipv4.ip_forward=0"),
      { call: "ADD", config: gateway, expect: { result: { ips: [ip("10.1.2.2/24", "10.1.2.1")] } } },
      addresses("br0", ["10.1.2.1/24"]),
      { look: ["ip", "-j", "route", "show", "default"], in: "c1", shows: [] },
      value(forwarding, "1"),
      value(forwarding6, "0"),
    ],
  },
  {
    name: "IPv6 is forwarded when the gateway has IPv6",
    plugin: "bridge",
    source: `${manual}: isGateway`,
    steps: [
      run("sysctl -qw net.ipv4.ip_forward=0"),
      { call: "ADD", config: { ...layer2, isGateway: true, ...leased(v6) } },
      value(forwarding6, "1"),
      value(forwarding, "0"),
    ],
  },
  {
    name: "the gateway that the IPAM plugin names is the bridge's address",
    plugin: "bridge",
    source: "SPEC, section 5, ips: gateway",
    steps: [
      {
        call: "ADD",
        config: {
          ...layer2,
          isDefaultGateway: true,
          ...leased([{ subnet: "10.1.2.0/24", gateway: "10.1.2.254" }]),
        },
      },
      addresses("br0", ["10.1.2.254/24"]),
      defaultRoute("10.1.2.254"),
    ],
  },
  {
    name: "isDefaultGateway adds no second default route to the one of the IPAM plugin",
    plugin: "bridge",
    source: `${manual}: isDefaultGateway`,
    steps: [
      {
        call: "ADD",
        config: {
          ...layer2,
          isDefaultGateway: true,
          ipam: { type: "host-local", ranges: [v4], routes: [{ dst: "0.0.0.0/0", gw: "10.1.2.9" }] },
        },
        expect: { result: { routes: [{ dst: "0.0.0.0/0", gw: "10.1.2.9" }] } },
      },
      defaultRoute("10.1.2.9"),
    ],
  },
  {
    name: "isDefaultGateway and a default route of the IPAM plugin without a gateway are one route",
    plugin: "bridge",
    source: `${manual}: isDefaultGateway`,
    steps: [
      {
        call: "ADD",
        config: {
          ...layer2,
          isDefaultGateway: true,
          ipam: { type: "host-local", ranges: [v4], routes: [{ dst: "0.0.0.0/0" }] },
        },
      },
      defaultRoute("10.1.2.1"),
    ],
  },
  {
    name: "routes of the IPAM plugin go by their own gateway, else by the address's",
    plugin: "bridge",
    source: "SPEC, section 5, routes: gw",
    versions: ["0.2.0", "1.1.0"],
    steps: [
      {
        call: "ADD",
        config: {
          ...layer2,
          isGateway: true,
          ipam: {
            type: "host-local",
            ranges: [v4],
            routes: [{ dst: "10.8.0.0/16" }, { dst: "10.9.0.0/16", gw: "10.1.2.9" }],
          },
        },
      },
      {
        look: ["ip", "-j", "route", "show"],
        in: "c1",
        shows: {
          $has: [
            { dst: "10.8.0.0/16", gateway: "10.1.2.1", dev: "eth0" },
            { dst: "10.9.0.0/16", gateway: "10.1.2.9", dev: "eth0" },
          ],
        },
      },
    ],
  },
  {
    name: "priority and table of a route are set",
    plugin: "bridge",
    source: "SPEC 1.1.0, section 5, routes: priority, table",
    steps: [
      {
        call: "ADD",
        config: {
          ...layer2,
          isGateway: true,
          ipam: {
            type: "host-local",
            ranges: [v4],
            routes: [
              { dst: "10.8.0.0/16", priority: 77 },
              { dst: "10.9.0.0/16", table: 200 },
            ],
          },
        },
        expect: {
          result: {
            routes: [
              { dst: "10.8.0.0/16", priority: 77 },
              { dst: "10.9.0.0/16", table: 200 },
            ],
          },
        },
      },
      { look: ["ip", "-j", "route", "show", "10.8.0.0/16"], in: "c1", shows: [{ metric: 77 }] },
      {
        look: ["ip", "-j", "route", "show", "table", "200"],
        in: "c1",
        shows: [{ dst: "10.9.0.0/16", gateway: "10.1.2.1" }],
      },
    ],
  },
  {
    name: "CHECK finds a route in the table it was made for",
    plugin: "bridge",
    source: "SPEC 1.1.0, section 5, routes: table; section 2, CHECK",
    steps: [
      { call: "ADD", config: tableRoute() },
      { call: "CHECK", config: tableRoute() },
      run("ip route flush table 200", "c1"),
      { call: "CHECK", config: tableRoute(), expect: { error: { msg: { $match: "10\\.9\\.0\\.0" } } } },
    ],
  },
  {
    name: "mtu and advmss of a route are set",
    plugin: "bridge",
    source: "SPEC 1.1.0, section 5, routes: mtu, advmss",
    steps: [
      {
        call: "ADD",
        config: {
          ...layer2,
          isGateway: true,
          ipam: {
            type: "host-local",
            ranges: [v4],
            routes: [{ dst: "10.8.0.0/16", mtu: 1300, advmss: 1200 }],
          },
        },
      },
      {
        look: ["ip", "-j", "route", "show", "10.8.0.0/16"],
        in: "c1",
        shows: [{ metrics: [{ mtu: 1300, advmss: 1200 }] }],
      },
    ],
  },
  {
    name: "an existing bridge keeps its index, MTU and MAC",
    plugin: "bridge",
    source: `${manual}: bridge`,
    steps: [
      run("ip link add br0 address 02:00:00:00:00:0b type bridge"),
      run("ip link set br0 mtu 1300"),
      { look: ["cat", "/sys/class/net/br0/ifindex"], shows: [{ $as: "index" }] },
      { call: "ADD", config: routed },
      { look: ["cat", "/sys/class/net/br0/ifindex"], shows: ["${index}"] },
      link("br0", { mtu: 1300, address: "02:00:00:00:00:0b", operstate: "UP" }),
      { call: "DEL", config: routed },
      link("br0", { mtu: 1300, address: "02:00:00:00:00:0b" }),
    ],
  },
  {
    name: "the bridge's MAC does not change with its ports",
    plugin: "bridge",
    source: "containernetworking/plugins#620; stable MAC of a gateway",
    containers: ["c1", "c2"],
    steps: [
      { call: "ADD", config: dual },
      { look: ["cat", "/sys/class/net/br0/address"], shows: [{ $as: "mac" }] },
      { call: "ADD", config: dual, container: "c2" },
      link("br0", { address: "${mac}" }),
      { call: "DEL", config: dual },
      { call: "DEL", config: dual, container: "c2" },
      link("br0", { address: "${mac}" }),
    ],
  },
  {
    name: "a bridge that has the gateway's address already is taken as it is",
    plugin: "bridge",
    source: `${manual}: isGateway`,
    steps: [
      run("ip link add br0 type bridge"),
      run("ip address add 10.1.2.1/24 dev br0"),
      { call: "ADD", config: routed },
      addresses("br0", ["10.1.2.1/24"]),
      { packet: "ping", from: "c1", to: "10.1.2.1", arrives: true },
    ],
  },
  {
    name: "another address on the bridge is refused in words, and stays",
    plugin: "bridge",
    source: `${manual}: forceAddress; containers/podman#12306`,
    steps: [
      run("ip link add br0 type bridge"),
      run("ip address add 10.9.0.1/16 dev br0"),
      { call: "ADD", config: gateway, expect: { error: { msg: { $match: "br0.*10\\.1\\.2\\.1/24" } } } },
      addresses("br0", ["10.9.0.1/16"]),
    ],
  },
  {
    name: "another address on the bridge: the refused ADD releases the lease and takes its link back",
    plugin: "bridge",
    source: "SPEC, section 4: a plugin that fails after its delegate must ask it to DEL",
    steps: [
      run("ip link add br0 type bridge"),
      run("ip address add 10.9.0.1/16 dev br0"),
      { mark: true },
      { call: "ADD", config: gateway, expect: { error: {} } },
      { unchanged: true, except: "furniture" },
      unplugged(),
    ],
  },
  {
    name: "forceAddress replaces the other address",
    plugin: "bridge",
    source: `${manual}: forceAddress`,
    steps: [
      run("ip link add br0 type bridge"),
      run("ip address add 10.9.0.1/16 dev br0"),
      { call: "ADD", config: { ...gateway, forceAddress: true } },
      addresses("br0", ["10.1.2.1/24"]),
    ],
  },
  {
    name: "IPv6: an address of an overlapping subnet is refused in words, and stays",
    plugin: "bridge",
    source: `${manual}: forceAddress`,
    steps: [
      run("ip link add br0 type bridge"),
      run("ip address add 2001:db8:1::1/48 dev br0 nodad"),
      {
        call: "ADD",
        config: overlapping,
        expect: { error: { msg: { $match: "br0.*2001:db8:1:2::1/64" } } },
      },
      addresses("br0", ["2001:db8:1::1/48"]),
    ],
  },
  {
    name: "IPv6: forceAddress replaces an address of an overlapping subnet",
    plugin: "bridge",
    source: `${manual}: forceAddress`,
    steps: [
      run("ip link add br0 type bridge"),
      run("ip address add 2001:db8:1::1/48 dev br0 nodad"),
      { call: "ADD", config: { ...overlapping, forceAddress: true } },
      addresses("br0", ["2001:db8:1:2::1/64"]),
    ],
  },
  {
    name: "IPv6: an address of another subnet stays beside, with forceAddress too",
    plugin: "bridge",
    source: `${manual}: forceAddress`,
    steps: [
      run("ip link add br0 type bridge"),
      run("ip address add 2001:db8:9::1/64 dev br0 nodad"),
      { call: "ADD", config: { ...overlapping, forceAddress: true } },
      addresses("br0", ["2001:db8:1:2::1/64", "2001:db8:9::1/64"]),
    ],
  },
  {
    name: "a link of that name that is no bridge is refused, and stays",
    plugin: "bridge",
    source: `${manual}: bridge`,
    steps: [
      run("ip link add br0 type veth peer name other0"),
      { mark: true },
      { call: "ADD", config: routed, expect: { error: { msg: { $match: "br0" } } } },
      { unchanged: true, except: "furniture" },
      link("br0", { linkinfo: { info_kind: "veth" } }),
      unplugged(),
      run("ip link delete br0"),
    ],
  },
  ...["", "a/b", "sixteen-letters-", "..", "a b"].map(
    (name): Scenario => ({
      name: `a bridge cannot be called ${JSON.stringify(name)}`,
      plugin: "bridge",
      source: "Linux: names of links have 1 to 15 bytes, without / and white space",
      steps: [
        { call: "ADD", config: { ...plain, bridge: name }, expect: { error: { msg: { $match: "\\S" } } } },
        ...nothingMade,
      ],
    }),
  ),
  {
    name: "the bridge takes no router advertisements",
    plugin: "bridge",
    source: "CVE-2020-10749: rogue router advertisements from containers",
    steps: [{ call: "ADD", config: dual }, value("/proc/sys/net/ipv6/conf/br0/accept_ra", "0")],
  },
];

function tableRoute() {
  return {
    ...layer2,
    isGateway: true,
    ipam: { type: "host-local", ranges: [v4], routes: [{ dst: "10.9.0.0/16", table: 200 }] },
  };
}
