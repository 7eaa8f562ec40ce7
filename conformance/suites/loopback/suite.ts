import type { Scenario, Step, Suite } from "../../scenario/scenario.ts";

const plugin = "loopback";
const manual = "CNI plugins, loopback";
const address = { look: ["ip", "-j", "address", "show", "dev", "lo"], in: "c1" };
const isUp: Step = { ...address, shows: [{ flags: { $has: ["UP", "LOWER_UP"] } }] };
const isDown: Step = { ...address, shows: [{ flags: { $lacks: ["UP"] } }] };
const v4 = { address: "127.0.0.1/8", interface: 0 };
const v6 = { address: "::1/128", interface: 0 };
const add: Step = { call: "ADD", ifname: "lo" };
const del: Step = { call: "DEL", ifname: "lo" };

/** What the loopback plugin promises. */
const scenarios: Scenario[] = [
  {
    name: "brings lo up and reports its addresses",
    plugin,
    source: `${manual}; SPEC section 2, ADD`,
    versions: "all",
    steps: [
      {
        call: "ADD",
        ifname: "lo",
        expect: {
          result: { interfaces: [{ name: "lo", sandbox: "/run/netns/c1" }], ips: [v4, v6] },
        },
      },
      isUp,
      { packet: "ping", from: "c1", to: "127.0.0.1", arrives: true },
      { call: "CHECK", ifname: "lo" },
      del,
      isDown,
    ],
  },
  {
    name: "passes the result of a plugin before it on as it is",
    plugin,
    source: "SPEC section 3: a plugin of a list outputs the result of the one before, changed or not",
    versions: "all",
    steps: [
      {
        call: "ADD",
        ifname: "lo",
        prevResult: {
          interfaces: [{ name: "eth0", mac: "02:00:00:00:00:01", sandbox: "/run/netns/c1" }],
          ips: [{ address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 0 }],
          routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }],
          dns: { domain: "example.org" },
        },
        expect: {
          result: {
            interfaces: [{ $exactly: { name: "eth0", mac: "02:00:00:00:00:01", sandbox: "/run/netns/c1" } }],
            ips: [{ address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 0 }],
            routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }],
            dns: { domain: "example.org" },
          },
        },
      },
      isUp,
      { call: "CHECK", ifname: "lo" },
    ],
  },
  {
    name: "looks at neither CNI_IFNAME nor CNI_ARGS: it is always lo",
    plugin,
    source: `${manual}; containerd passes K8S_POD_… to it`,
    steps: [
      {
        call: "ADD",
        ifname: "eth0",
        args: "none",
        expect: { result: { interfaces: [{ name: "lo" }], ips: [v4, v6] } },
      },
      isUp,
    ],
  },
  {
    name: "without a version in the configuration, the result is one of 0.1.0",
    plugin,
    source: "SPEC section 1: a configuration without cniVersion is of 0.1.0",
    versions: ["0.1.0"],
    steps: [
      {
        call: "ADD",
        ifname: "lo",
        stdin: '{"name":"cni-loopback","type":"loopback"}',
        expect: { result: { ips: [v4, v6] } },
      },
    ],
  },
  {
    name: "without IPv6 on lo there is 127.0.0.1 only",
    plugin,
    source: manual,
    steps: [
      { run: ["sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/lo/disable_ipv6"], in: "c1" },
      { call: "ADD", ifname: "lo", expect: { result: { ips: [v4] } } },
      { call: "CHECK", ifname: "lo" },
    ],
  },
  {
    name: "a service address on lo is no obstacle, and stays",
    plugin,
    source: "anycast and direct routing keep addresses on lo",
    steps: [
      { run: ["ip", "address", "add", "192.0.2.1/32", "dev", "lo"], in: "c1" },
      { call: "ADD", ifname: "lo", expect: { result: { ips: [v4, v6] } } },
      { ...address, shows: [{ addr_info: { $has: [{ local: "192.0.2.1" }] } }] },
      del,
      { ...address, shows: [{ addr_info: { $has: [{ local: "192.0.2.1" }] } }] },
    ],
  },
  {
    name: "the host's own lo stays as it is",
    plugin,
    source: "SPEC section 2, CNI_NETNS",
    steps: [{ run: ["ip", "link", "set", "lo", "up"] }, { mark: true }, add, del, { unchanged: true }],
  },
  {
    name: "CHECK notices that lo is down",
    plugin,
    source: "SPEC section 2, CHECK",
    versions: { from: "0.4.0" },
    steps: [
      add,
      { run: ["ip", "link", "set", "lo", "down"], in: "c1" },
      { call: "CHECK", ifname: "lo", expect: { error: { msg: { $match: "down" } } } },
      isDown,
    ],
  },
  {
    name: "CHECK notices that an address of the result is gone",
    plugin,
    source: "SPEC section 2, CHECK: the result of ADD must still be true",
    steps: [
      add,
      { run: ["ip", "address", "delete", "127.0.0.1/8", "dev", "lo"], in: "c1" },
      { call: "CHECK", ifname: "lo", expect: { error: { msg: { $match: "127\\.0\\.0\\.1" } } } },
    ],
  },
  {
    name: "ADD and CHECK name a namespace that they miss",
    plugin,
    source: "SPEC section 5, Error: code 4 or of the plugin's own",
    steps: [
      { ...add, netns: "/run/netns/none", expect: { error: { msg: { $match: "/run/netns/none" } } } },
      { ...add, netns: "/etc/hostname", expect: { error: { msg: { $match: "/etc/hostname" } } } },
      {
        call: "CHECK",
        ifname: "lo",
        netns: "/run/netns/none",
        expect: { error: { msg: { $match: "/none" } } },
      },
    ],
  },
  {
    name: "DEL works without ADD, twice, and without the namespace",
    plugin,
    source: "SPEC section 2, DEL: should complete even if some resources are missing",
    versions: "all",
    steps: [
      del,
      add,
      del,
      del,
      isDown,
      { ...del, netns: "" },
      { ...del, netns: null },
      { run: ["ip", "netns", "delete", "c1"] },
      del,
    ],
  },
  {
    name: "GC and STATUS have nothing to do",
    plugin,
    source: "SPEC 1.1.0, section 2, GC and STATUS",
    steps: [
      add,
      { call: "GC", config: { "cni.dev/valid-attachments": [] } },
      { call: "STATUS" },
      isUp,
      { call: "CHECK", ifname: "lo" },
    ],
  },
  {
    name: "VERSION tells every version of the specification",
    plugin,
    source: "SPEC section 2, VERSION",
    steps: [
      {
        call: "VERSION",
        expect: {
          result: {
            supportedVersions: { $has: ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] },
          },
        },
      },
    ],
  },
];

export const loopback: Suite = { name: "loopback", scenarios };
