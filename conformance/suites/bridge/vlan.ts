import type { JsonObject } from "../../harness/host/json.ts";
import type { Pattern } from "../../scenario/match.ts";
import type { LookStep, Scenario, Step } from "../../scenario/scenario.ts";
import {
  addresses,
  defaultRoute,
  interfaces,
  layer2,
  leased,
  link,
  run,
  unplugged,
  v4,
  v6,
} from "./parts.ts";

const manual = "CNI plugins, bridge";
const trunk = [{ id: 101 }, { minID: 200, maxID: 202 }];
const native = ["PVID", "Egress Untagged"];

/** The port's VLANs: a number is tagged, `native` is where untagged frames belong; nothing else. */
const vlans = (all: readonly { vlan: number; flags?: readonly string[] }[]): LookStep => ({
  look: ["bridge", "-j", "vlan", "show", "dev", "${port}"],
  shows: [
    { vlans: all.map(({ vlan, flags }) => ({ vlan, flags: flags ?? { $anyOf: [{ $absent: true }, []] } })) },
  ],
});

const withPort: Pattern = [{ name: "br0" }, { name: { $as: "port" } }, { name: "eth0" }];
const tagged = [200, 201, 202].map((vlan) => ({ vlan }));

const ofPort: readonly { name: string; config: JsonObject; all: Parameters<typeof vlans>[0] }[] = [
  {
    name: "vlan is an access VLAN, the only one",
    config: { vlan: 100 },
    all: [{ vlan: 100, flags: native }],
  },
  {
    name: "vlan with preserveDefaultVlan: VLAN 1 stays beside it",
    config: { vlan: 100, preserveDefaultVlan: true },
    all: [
      { vlan: 1, flags: ["Egress Untagged"] },
      { vlan: 100, flags: native },
    ],
  },
  {
    name: "vlanTrunk without vlan: VLAN 1 is native",
    config: { vlanTrunk: trunk },
    all: [{ vlan: 1, flags: native }, { vlan: 101 }, ...tagged],
  },
  {
    name: "vlanTrunk with vlan: that one is native",
    config: { vlan: 100, vlanTrunk: trunk },
    all: [{ vlan: 100, flags: native }, { vlan: 101 }, ...tagged],
  },
  {
    name: "vlan that vlanTrunk lists too stays native",
    config: { vlan: 101, vlanTrunk: trunk },
    all: [{ vlan: 101, flags: native }, ...tagged],
  },
  {
    name: "vlanTrunk may be empty: filtering, and VLAN 1",
    config: { vlanTrunk: [] },
    all: [{ vlan: 1, flags: native }],
  },
];

const inVlan = (vlan: number, extra: JsonObject = {}): JsonObject => ({
  ...layer2,
  isDefaultGateway: true,
  vlan,
  ...leased(v4, v6),
  ...extra,
});

/** VLANs, on a kernel that can filter them. */
export const vlan: readonly Scenario[] = [
  ...ofPort.map(
    ({ name, config, all }): Scenario => ({
      name,
      plugin: "bridge",
      source: `${manual}: vlan, vlanTrunk, preserveDefaultVlan; containernetworking/plugins PR#1181`,
      versions: ["0.3.1", "1.1.0"],
      needs: ["vlan"],
      steps: [
        { call: "ADD", config: { ...layer2, ...config }, expect: { result: { interfaces: withPort } } },
        vlans(all),
        link("br0", { linkinfo: { info_data: { vlan_filtering: 1 } } }),
        { call: "DEL", config: { ...layer2, ...config } },
        unplugged(),
      ],
    }),
  ),
  {
    name: "without vlan and vlanTrunk the bridge does not filter",
    plugin: "bridge",
    source: `${manual}: vlan`,
    steps: [{ call: "ADD", config: layer2 }, link("br0", { linkinfo: { info_data: { vlan_filtering: 0 } } })],
  },
  {
    name: "vlan and isGateway: the gateway is a link of its own, in the VLAN",
    plugin: "bridge",
    source: `${manual}: vlan, isGateway`,
    versions: "all",
    needs: ["vlan"],
    leaves: vlanGateway(),
    steps: [
      {
        call: "ADD",
        config: inVlan(100),
        expect: {
          result: {
            interfaces: {
              $all: [
                { $length: 4 },
                { $has: [...asList(interfaces()), { name: "br0.100", mac: { $any: true } }] },
              ],
            },
          },
        },
      },
      addresses("br0.100", ["10.1.2.1/24", "2001:db8:5::1/64"]),
      addresses("br0", []),
      defaultRoute("10.1.2.1"),
      { packet: "ping", from: "c1", to: "10.1.2.1", arrives: true },
      { packet: "ping", from: "c1", to: "2001:db8:5::1", arrives: true },
      { call: "CHECK", config: inVlan(100) },
      { call: "DEL", config: inVlan(100) },
      unplugged(),
    ],
  },
  {
    name: "containers of one VLAN reach each other, those of another do not",
    plugin: "bridge",
    source: `${manual}: vlan`,
    needs: ["vlan"],
    containers: ["c1", "c2", "c3", "c4"],
    steps: [
      ...[100, 100, 200, 0].map(
        (id, index): Step => ({
          call: "ADD",
          config: { ...layer2, ...leased(v4), vlan: id },
          container: `c${index + 1}`,
        }),
      ),
      { packet: "ping", from: "c2", to: "10.1.2.2", arrives: true },
      { packet: "ping", from: "c3", to: "10.1.2.2", arrives: false },
      { packet: "ping", from: "c4", to: "10.1.2.2", arrives: false },
    ],
  },
  {
    name: "a trunk carries tagged frames of its VLANs, and no others",
    plugin: "bridge",
    source: `${manual}: vlanTrunk`,
    needs: ["vlan"],
    containers: ["c1", "c2", "c3"],
    steps: [
      { call: "ADD", config: { ...layer2, vlanTrunk: [{ id: 101 }] }, container: "c1" },
      { call: "ADD", config: { ...layer2, ...leased(v4), vlan: 101 }, container: "c2" },
      { call: "ADD", config: { ...layer2, ...leased(v4), vlan: 102 }, container: "c3" },
      ...[101, 102].flatMap((id) => [
        run(`ip link add link eth0 name eth0.${id} type vlan id ${id}`, "c1"),
        run(`ip link set eth0.${id} up`, "c1"),
      ]),
      run("ip address add 10.1.2.100/24 dev eth0.101", "c1"),
      { packet: "ping", from: "c1", to: "10.1.2.2", arrives: true },
      run("ip address flush dev eth0.101", "c1"),
      run("ip address add 10.1.2.100/24 dev eth0.102", "c1"),
      { packet: "ping", from: "c1", to: "10.1.2.3", arrives: false },
    ],
  },
  {
    name: "a bridge that does not filter is refused for a VLAN, and stays as it is",
    plugin: "bridge",
    source: "containernetworking/plugins PR#863: a VLAN without filtering keeps nobody apart",
    needs: ["vlan"],
    steps: [
      run("ip link add br0 type bridge"),
      { mark: true },
      {
        call: "ADD",
        config: { ...layer2, vlan: 100 },
        expect: { error: { msg: { $match: "br0" }, details: { $match: "vlan_filtering" } } },
      },
      { unchanged: true },
      link("br0", { linkinfo: { info_data: { vlan_filtering: 0 } } }),
      unplugged(),
    ],
  },
  {
    name: "a failed ADD takes the VLAN's gateway back that it made",
    plugin: "bridge",
    source: "CNI plugins, bridge: a failed ADD must not leave what the next one trips over",
    needs: ["vlan"],
    steps: [
      {
        call: "ADD",
        config: inVlan(100, {
          ipam: { type: "host-local", ranges: [v4], routes: [{ dst: "10.8.0.0/16", gw: "203.0.113.1" }] },
        }),
        expect: { error: {} },
      },
      { look: ["ip", "-j", "link"], shows: [{ ifname: "lo" }] },
    ],
  },
];

/** The VLAN's gateway is there for the containers to come, as the bridge is. */
function vlanGateway() {
  return {
    links: ["^br0\\.100 ", "^veth\\S+ veth mtu \\d+ master br0$"],
    addresses: ["^br0\\.100 "],
    routes: [" dev br0\\.100 "],
  };
}

function asList(pattern: Pattern): readonly Pattern[] {
  return Array.isArray(pattern) ? pattern : [];
}
