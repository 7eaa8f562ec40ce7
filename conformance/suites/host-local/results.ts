import type { Scenario } from "../../scenario/scenario.ts";
import { calls, ipam, lease } from "./calls.ts";

const plugin = "host-local";
const manual = "host-local manual";
const dual = { ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd00:1::/64" }]] };
const withBridge = {
  type: "bridge",
  bridge: "br0",
  isGateway: true,
  ipam: { type: "host-local", ...dual, routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] },
};

/** What else is in the result, and how it works below a plugin that makes an interface. */
export const results: Scenario[] = [
  {
    name: "routes of the configuration are in the result, each with its family before 0.3.0",
    plugin,
    source: `SPEC section 5, Success: routes; ${manual}, "routes"`,
    versions: "all",
    steps: [
      {
        call: "ADD",
        config: ipam({
          ...dual,
          routes: [
            { dst: "0.0.0.0/0" },
            { dst: "192.168.0.0/16", gw: "10.1.0.9" },
            { dst: "FD00:0:9::/48", gw: "fd00:1::9" },
          ],
        }),
        expect: {
          result: {
            ips: [{ address: "10.1.0.2/24" }, { address: "fd00:1::2/64" }],
            routes: [
              { dst: "0.0.0.0/0" },
              { dst: "192.168.0.0/16", gw: "10.1.0.9" },
              { dst: "fd00:0:9::/48", gw: "fd00:1::9" },
            ],
          },
        },
      },
    ],
  },
  {
    name: "routes keep every key of 1.1.0, and table and scope also when they are 0",
    plugin,
    source: "SPEC 1.1.0, section 5, Success: routes",
    steps: [
      {
        call: "ADD",
        config: ipam({
          subnet: "10.1.0.0/24",
          routes: [
            {
              dst: "10.8.0.0/16",
              gw: "10.1.0.9",
              mtu: 1400,
              advmss: 1360,
              priority: 50,
              table: 100,
              scope: 253,
            },
            { dst: "10.9.0.0/16", table: 0, scope: 0 },
          ],
        }),
        expect: {
          result: {
            routes: [
              {
                dst: "10.8.0.0/16",
                gw: "10.1.0.9",
                mtu: 1400,
                advmss: 1360,
                priority: 50,
                table: 100,
                scope: 253,
              },
              { $exactly: { dst: "10.9.0.0/16", table: 0, scope: 0 } },
            ],
          },
        },
      },
    ],
  },
  {
    name: "resolvConf becomes the dns of the result",
    plugin,
    source: `SPEC section 5, Success: dns; ${manual}, "resolvConf"; resolv.conf(5)`,
    versions: "all",
    steps: [
      {
        write: "/run/test/resolv.conf",
        content:
          "# a comment\n; another\n\n  nameserver\t10.0.0.53\nnameserver fd00::53\ndomain old.example\ndomain example.org\n" +
          "search example.org  example.com\noptions ndots:5 timeout:1\nsortlist 10.0.0.0\nnameserver\n",
      },
      {
        call: "ADD",
        config: ipam({ subnet: "10.1.0.0/24", resolvConf: "/run/test/resolv.conf" }),
        expect: {
          result: {
            dns: {
              nameservers: ["10.0.0.53", "fd00::53"],
              domain: "example.org",
              search: ["example.org", "example.com"],
              options: ["ndots:5", "timeout:1"],
            },
          },
        },
      },
    ],
  },
  {
    name: "resolvConf counts for ADD only; an empty one is no dns",
    plugin,
    source: `${manual}, "resolvConf"`,
    steps: [
      { write: "/run/test/resolv.conf", content: "" },
      {
        call: "ADD",
        config: ipam({ subnet: "10.1.0.0/24", resolvConf: "/run/test/resolv.conf" }),
        expect: { result: { dns: { $anyOf: [{ $absent: true }, { $exactly: {} }] } } },
      },
      ...calls(ipam({ subnet: "10.1.0.0/24", resolvConf: "/run/none" }), ["?c1", "-c1"]),
      lease("10.1.0.2", null),
    ],
  },
  {
    name: "below bridge: addresses, routes and gateway of both families, and all is free after DEL",
    plugin,
    source: "SPEC section 4, delegated plugins",
    versions: "all",
    steps: [
      { chain: "ADD", plugins: [withBridge] },
      {
        look: ["ip", "-j", "address", "show", "dev", "eth0"],
        in: "c1",
        shows: [
          {
            addr_info: {
              $has: [
                { local: "10.1.0.2", prefixlen: 24 },
                { local: "fd00:1::2", prefixlen: 64 },
              ],
            },
          },
        ],
      },
      { look: ["ip", "-j", "route"], in: "c1", shows: { $has: [{ dst: "default", gateway: "10.1.0.1" }] } },
      {
        look: ["ip", "-j", "-6", "route"],
        in: "c1",
        shows: { $has: [{ dst: "default", gateway: "fd00:1::1" }] },
      },
      { packet: "ping", from: "c1", to: "10.1.0.1", arrives: true },
      lease("10.1.0.2", "c1"),
      lease("fd00:1::2", "c1"),
      { chain: "CHECK", plugins: [withBridge] },
      { chain: "DEL", plugins: [withBridge] },
      lease("10.1.0.2", null),
      lease("fd00:1::2", null),
    ],
  },
  {
    name: "below bridge: an attachment that fails keeps no address, and a full range is the answer",
    plugin,
    source: "SPEC section 4, delegated plugins: on failure DEL of the IPAM plugin",
    containers: ["a", "b"],
    steps: [
      {
        call: "ADD",
        plugin: "bridge",
        container: "a",
        config: { bridge: "br0", ipam: { type: "host-local", subnet: "10.1.0.0/30" } },
        netns: "/run/netns/none",
        expect: { error: {} },
      },
      lease("10.1.0.2", null),
      {
        call: "ADD",
        plugin: "bridge",
        container: "a",
        config: { bridge: "br0", ipam: { type: "host-local", subnet: "10.1.0.0/30" } },
      },
      {
        call: "ADD",
        plugin: "bridge",
        container: "b",
        config: { bridge: "br0", ipam: { type: "host-local", subnet: "10.1.0.0/30" } },
        expect: { error: { msg: { $match: "no IP addresses available" } } },
      },
      { look: ["ip", "-j", "link"], in: "b", shows: [{ ifname: "lo" }] },
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
