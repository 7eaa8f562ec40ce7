import type { Pattern } from "../../scenario/match.ts";
import type { RunStep, Scenario } from "../../scenario/scenario.ts";
import { dual, mac, routed, run, v4, v6 } from "./parts.ts";

const source = "SPEC, section 2, CHECK: an error when something is not as the result of ADD says";
const more = {
  ...dual,
  ipam: { type: "host-local", ranges: [v4, v6], routes: [{ dst: "10.8.0.0/16" }] },
};

type Damage = { name: string; by: readonly RunStep[]; msg?: Pattern };

const damages: readonly Damage[] = [
  {
    name: "an IPv4 address is gone",
    by: [run("ip address del 10.1.2.2/24 dev eth0", "c1")],
    msg: { $match: "10\\.1\\.2\\.2" },
  },
  {
    name: "an IPv6 address is gone",
    by: [run("ip address del 2001:db8:5::2/64 dev eth0", "c1")],
    msg: { $match: "2001:db8:5::2" },
  },
  {
    name: "an address has another prefix length",
    by: [run("ip address del 10.1.2.2/24 dev eth0", "c1"), run("ip address add 10.1.2.2/16 dev eth0", "c1")],
    msg: { $match: "10\\.1\\.2\\.2" },
  },
  { name: "the default route is gone", by: [run("ip route del default", "c1")], msg: { $match: "oute" } },
  {
    name: "the default route of IPv6 is gone",
    by: [run("ip -6 route del default", "c1")],
    msg: { $match: "oute" },
  },
  {
    name: "a route is gone",
    by: [run("ip route del 10.8.0.0/16", "c1")],
    msg: { $match: "10\\.8\\.0\\.0" },
  },
  {
    name: "the container's interface is gone",
    by: [run("ip link del eth0", "c1")],
    msg: { $match: "eth0" },
  },
  {
    name: "the container's interface has another name",
    by: [run("ip link set eth0 down", "c1"), run("ip link set eth0 name eth7", "c1")],
    msg: { $match: "eth0" },
  },
  {
    name: "the container's interface has another MAC",
    by: [run(`ip link set eth0 address ${mac(6)}`, "c1")],
    msg: { $match: "(?i:mac)" },
  },
  {
    name: "the container's interface is down",
    by: [run("ip link set eth0 down", "c1")],
  },
  {
    name: "the container's interface is another link",
    by: [run("ip link del eth0", "c1"), run("ip link add eth0 type bridge", "c1")],
  },
  { name: "the bridge is gone", by: [run("ip link del br0")], msg: { $match: "br0" } },
  {
    name: "the bridge is another kind of link",
    by: [run("ip link del br0"), run("ip link add br0 type veth peer name br0peer")],
    msg: { $match: "br0" },
  },
  {
    name: "the bridge is another one, without the port",
    by: [run("ip link del br0"), run("ip link add br0 type bridge"), run("ip link set br0 up")],
  },
  {
    name: "the port was taken off the bridge",
    by: [run("ip link set ${port} nomaster")],
    msg: { $match: "br0" },
  },
  {
    name: "the lease is gone",
    by: [run("rm /var/lib/cni/networks/net1/10.1.2.2")],
  },
];

/** CHECK, with each kind of damage between it and ADD. */
export const check: readonly Scenario[] = [
  ...damages.map(
    ({ name, by, msg = { $match: "\\S" } }): Scenario => ({
      name: `CHECK says that ${name}`,
      plugin: "bridge",
      source,
      steps: [
        {
          call: "ADD",
          config: more,
          expect: { result: { interfaces: [{ name: "br0" }, { name: { $as: "port" } }, { name: "eth0" }] } },
        },
        { call: "CHECK", config: more },
        ...by,
        { call: "CHECK", config: more, expect: { error: { msg } } },
        ...(by.some(({ run: words }) => words.includes("br0peer")) ? [run("ip link del br0peer")] : []),
      ],
    }),
  ),
  {
    name: "CHECK says that promiscMode was switched off",
    plugin: "bridge",
    source,
    steps: [
      { call: "ADD", config: { ...routed, promiscMode: true } },
      run("ip link set br0 promisc off"),
      {
        call: "CHECK",
        config: { ...routed, promiscMode: true },
        expect: { error: { msg: { $match: "romisc" } } },
      },
    ],
  },
  {
    name: "CHECK needs the result of ADD",
    plugin: "bridge",
    source: "SPEC, section 2, CHECK: prevResult is mandatory",
    versions: { from: "0.4.0" },
    steps: [
      { call: "ADD", config: routed },
      {
        call: "CHECK",
        config: routed,
        prevResult: "none",
        expect: { error: { msg: { $match: "prevResult" } } },
      },
    ],
  },
  {
    name: "CHECK of an interface that was never added",
    plugin: "bridge",
    source,
    containers: ["c1", "c2"],
    steps: [
      { call: "ADD", config: routed },
      {
        call: "CHECK",
        config: routed,
        container: "c2",
        prevResult: {
          interfaces: [{ name: "br0" }, { name: "veth01234567" }, { name: "eth0", sandbox: "/run/netns/c2" }],
          ips: [{ address: "10.1.2.3/24", interface: 2 }],
        },
        expect: { error: {} },
      },
    ],
  },
  {
    name: "CHECK passes for what others added to the container",
    plugin: "bridge",
    source: "SPEC, section 2, CHECK: must allow other plugins' changes",
    steps: [
      { call: "ADD", config: routed },
      run("ip address add 10.77.0.1/24 dev eth0", "c1"),
      run("ip route add 10.78.0.0/16 via 10.1.2.1", "c1"),
      run("ip link add other0 type veth peer name other1", "c1"),
      { call: "CHECK", config: routed },
    ],
  },
  {
    name: "CHECK passes when udev gave the host's end another MAC",
    plugin: "bridge",
    source: "cri-o/cri-o#3437",
    steps: [
      {
        call: "ADD",
        config: routed,
        expect: { result: { interfaces: [{ name: "br0" }, { name: { $as: "port" } }, { name: "eth0" }] } },
      },
      run(`ip link set \${port} address ${mac(6)}`),
      { call: "CHECK", config: routed },
    ],
  },
  {
    name: "CHECK changes nothing",
    plugin: "bridge",
    source: "SPEC, section 2, CHECK: must not change anything",
    steps: [
      { call: "ADD", config: dual },
      run("ip route del default", "c1"),
      { mark: true },
      { call: "CHECK", config: dual, expect: { error: {} } },
      { unchanged: true },
      { look: ["ip", "-j", "route", "show", "default"], in: "c1", shows: [] },
    ],
  },
];
