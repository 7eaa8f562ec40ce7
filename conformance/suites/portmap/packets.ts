import type { JsonObject } from "../../harness/host/json.ts";
import type { PacketStep, Scenario, Step, Suite } from "../../scenario/scenario.ts";
import { hideIptables, showIptables } from "../hidden-iptables.ts";
import {
  add,
  attach,
  type Backend,
  backends,
  bridgeNetfilter,
  c1,
  c2,
  connections,
  families,
  gateway,
  hostAddress,
  outsideAddress,
  publish,
  second,
  secondAddress,
  secondAddressLeaves,
  tcp,
  udp,
  wayFromOutside,
} from "./settings.ts";

/** A packet to a published port that c1 must get, by default from TCP port 8080. */
function arrives(from: string, to: string, more: Partial<PacketStep> = {}): PacketStep {
  return { packet: "tcp", from, to, port: 8080, arrives: true, at: "c1", ...more };
}

function isLost(from: string, to: string, more: Partial<PacketStep> = {}): PacketStep {
  return { packet: "tcp", from, to, port: 8080, arrives: false, ...more };
}

const serve = (where: string, port = 80): Step => ({ serve: "tcp", in: where, port });

const basics = { plugin: "portmap", outside: true, leaves: connections } as const;

type Config = (mappings: JsonObject[], keys: JsonObject) => JsonObject;
const other = (config: Config) => config([tcp(8081, 80)], { name: "net2" });

function scenariosOf(backend: Backend): Scenario[] {
  const config = (mappings = [tcp(8080, 80)], keys = {}) => publish(mappings, { backend, ...keys });
  const common = { ...basics, needs: [backend] } as const;
  return [
    {
      ...common,
      name: `${backend}: a published port answers the world, the host, and the container itself`,
      source: "CNI plugins, portmap; SPEC 1.1.0, section 2, ADD and DEL",
      versions: "all",
      steps: [
        ...attach("c1"),
        serve("c1"),
        add(config()),
        ...families.flatMap((family) => [
          arrives("outside", hostAddress[family], { source: outsideAddress[family] }),
          arrives("host", hostAddress[family]),
          arrives("host", gateway[family]),
          arrives("c1", hostAddress[family], { source: gateway[family] }),
        ]),
        arrives("host", "127.0.0.1", { source: gateway.ipv4 }),
        arrives("host", "127.0.0.2", { source: gateway.ipv4 }),
        { call: "CHECK", config: config() },
        { call: "DEL", config: config() },
        ...families.map((family) => isLost("outside", hostAddress[family])),
      ],
    },
    ...([0, 1] as const).map(
      (value): Scenario => ({
        ...common,
        name: `${backend}: a neighbour on the bridge reaches a published port, bridge-nf-call-iptables ${value}`,
        source: "CNI plugins, portmap, snat: answers to neighbours must come back through the host",
        ...(value === 1 && { needs: [backend, "bridge netfilter"] }),
        containers: ["c1", "c2"],
        steps: [
          ...bridgeNetfilter(value),
          ...attach("c1", "c2"),
          serve("c1"),
          add(config()),
          ...families.flatMap((family) => [
            arrives("c2", hostAddress[family]),
            arrives("c2", gateway[family]),
            arrives("c2", c1[family], { port: 80, source: c2[family] }),
          ]),
        ],
      }),
    ),
    {
      ...common,
      name: `${backend}: UDP`,
      source: "CNI plugins, portmap, protocol",
      steps: [
        ...attach("c1"),
        { serve: "udp", in: "c1", port: 53 },
        add(config([udp(5353, 53)])),
        ...families.flatMap((family) => [
          arrives("outside", hostAddress[family], {
            packet: "udp",
            port: 5353,
            source: outsideAddress[family],
          }),
          arrives("host", hostAddress[family], { packet: "udp", port: 5353 }),
          arrives("c1", hostAddress[family], { packet: "udp", port: 5353, source: gateway[family] }),
        ]),
        arrives("host", "127.0.0.1", { packet: "udp", port: 5353, source: gateway.ipv4 }),
        { call: "CHECK", config: config([udp(5353, 53)]) },
      ],
    },
    {
      ...common,
      name: `${backend}: a port of one protocol is none of the other`,
      source: "CNI plugins, portmap, protocol",
      steps: [
        ...attach("c1"),
        serve("host", 8080),
        { serve: "udp", in: "host", port: 8080 },
        serve("c1"),
        { serve: "udp", in: "c1", port: 80 },
        add(config([tcp(8080, 80), udp(8081, 80)])),
        arrives("outside", hostAddress.ipv4),
        arrives("outside", hostAddress.ipv4, { packet: "udp", at: "host" }),
        arrives("outside", hostAddress.ipv6, { packet: "udp", port: 8081 }),
      ],
    },
    {
      ...common,
      name: `${backend}: snat false leaves every client its address`,
      source: "CNI plugins, portmap, snat",
      containers: ["c1", "c2"],
      steps: [
        ...bridgeNetfilter(0),
        ...attach("c1", "c2"),
        serve("c1"),
        add(config([tcp(8080, 80)], { snat: false })),
        ...families.map((family) =>
          arrives("outside", hostAddress[family], { source: outsideAddress[family] }),
        ),
        isLost("c1", hostAddress.ipv4),
        isLost("c2", hostAddress.ipv4),
        isLost("host", "127.0.0.1"),
        { call: "CHECK", config: config([tcp(8080, 80)], { snat: false }) },
      ],
    },
    {
      ...common,
      name: `${backend}: masqAll hides every client behind the host`,
      source: "CNI plugins, portmap, masqAll",
      steps: [
        ...attach("c1"),
        serve("c1"),
        add(config([tcp(8080, 80)], { masqAll: true })),
        ...families.map((family) => arrives("outside", hostAddress[family], { source: gateway[family] })),
        arrives("host", "127.0.0.1", { source: gateway.ipv4 }),
        { call: "CHECK", config: config([tcp(8080, 80)], { masqAll: true }) },
      ],
    },
    {
      ...common,
      name: `${backend}: two networks with mark bits of their own`,
      source: "CNI plugins, portmap, markMasqBit",
      containers: ["c1", "c2"],
      steps: [
        ...attach("c1", "c2"),
        serve("c1"),
        serve("c2"),
        add(config([tcp(8080, 80)], { markMasqBit: 31 })),
        add(config([tcp(8081, 80)], { markMasqBit: 0, name: "net2" }), "c2"),
        arrives("c1", hostAddress.ipv4, { source: gateway.ipv4 }),
        arrives("c2", hostAddress.ipv4, { port: 8081, at: "c2", source: gateway.ipv4 }),
        arrives("outside", hostAddress.ipv4, { port: 8081, at: "c2", source: outsideAddress.ipv4 }),
        { call: "CHECK", config: config([tcp(8080, 80)], { markMasqBit: 31 }) },
      ],
    },
    {
      ...common,
      name: `${backend}: the same port of anybody else is left alone`,
      source: "CNI plugins, CVE-2025-67499: packets for other hosts were forwarded to the container",
      containers: ["c1", "c2", "c3"],
      steps: [
        ...wayFromOutside,
        ...attach("c1", "c2", "c3"),
        serve("c1"),
        serve("c2", 8080),
        serve("outside", 8080),
        add(config()),
        ...families.flatMap((family) => [
          arrives("host", outsideAddress[family], { at: "outside" }),
          arrives("c1", outsideAddress[family], { at: "outside", source: c1[family] }),
          arrives("c3", outsideAddress[family], { at: "outside" }),
          arrives("host", c2[family], { at: "c2" }),
          arrives("c3", c2[family], { at: "c2" }),
          arrives("outside", c2[family], { at: "c2", source: outsideAddress[family] }),
        ]),
      ],
    },
    {
      ...common,
      name: `${backend}: hostIP publishes on that address only`,
      source: "CNI plugins, portmap, hostIP",
      leaves: { ...connections, ...secondAddressLeaves },
      containers: ["c1", "c2"],
      steps: [
        ...secondAddress,
        ...wayFromOutside,
        ...attach("c1", "c2"),
        ...["c1", "c2"].map((where) => serve(where)),
        serve("host", 8080),
        add(config(families.map((family) => tcp(8080, 80, hostAddress[family])))),
        ...families.flatMap((family) =>
          ["outside", "host", "c2"].flatMap((from) => [
            ...(from === "c2" ? [] : [arrives(from, hostAddress[family])]),
            arrives(from, second[family], { at: "host" }),
          ]),
        ),
        arrives("host", "127.0.0.1", { at: "host" }),
        add(config(families.map((family) => tcp(8080, 80, second[family]))), "c2"),
        ...families.flatMap((family) => [
          arrives("outside", hostAddress[family]),
          arrives("outside", second[family], { at: "c2" }),
        ]),
        {
          call: "DEL",
          config: config(families.map((family) => tcp(8080, 80, second[family]))),
          container: "c2",
        },
        arrives("outside", second.ipv4, { at: "host" }),
        arrives("outside", hostAddress.ipv4),
      ],
    },
    {
      ...common,
      name: `${backend}: hostIP 0.0.0.0 is IPv4 only, :: is IPv6 only, 127.0.0.1 is the host only`,
      source: "CNI plugins, portmap, hostIP",
      steps: [
        ...attach("c1"),
        serve("c1"),
        add(config([tcp(8080, 80, "0.0.0.0"), tcp(8081, 80, "::"), tcp(8082, 80, "127.0.0.1")])),
        arrives("outside", hostAddress.ipv4),
        isLost("outside", hostAddress.ipv6),
        arrives("outside", hostAddress.ipv6, { port: 8081 }),
        isLost("outside", hostAddress.ipv4, { port: 8081 }),
        arrives("host", "127.0.0.1", { port: 8082 }),
        isLost("outside", hostAddress.ipv4, { port: 8082 }),
      ],
    },
    {
      ...common,
      name: `${backend}: a service of others on the same port comes first`,
      source: "CNI plugins pull request 269 (CVE-2019-9946)",
      needs: ["iptables", ...(backend === "nftables" ? (["nftables"] as const) : [])],
      leaves: { ...connections, ...secondAddressLeaves, iptables: ["KUBE-SERVICES"] },
      containers: ["c1", "c2"],
      steps: [
        ...secondAddress,
        ...wayFromOutside,
        ...attach("c1", "c2"),
        serve("c1"),
        serve("c2"),
        ...[
          ["-N", "KUBE-SERVICES"],
          `-A KUBE-SERVICES -d ${second.ipv4} -p tcp --dport 8080 -j DNAT --to ${c2.ipv4}:80`.split(" "),
          ["-A", "PREROUTING", "-j", "KUBE-SERVICES"],
          ["-A", "OUTPUT", "-j", "KUBE-SERVICES"],
        ].map((rule) => ({ run: ["iptables", "-t", "nat", ...rule] })),
        add(config()),
        ...["outside", "host"].flatMap((from) => [
          arrives(from, second.ipv4, { at: "c2" }),
          arrives(from, hostAddress.ipv4),
        ]),
      ],
    },
    {
      ...common,
      name: `${backend}: conditions decide for whom a port is published`,
      source: "CNI plugins, portmap, conditionsV4 and conditionsV6",
      steps: [
        ...attach("c1"),
        serve("c1"),
        serve("host", 8080),
        add(config([tcp(8080, 80)], conditionsOf(backend))),
        ...families.flatMap((family) => [
          arrives("outside", hostAddress[family], { at: "host" }),
          arrives("c1", hostAddress[family]),
        ]),
        { call: "CHECK", config: config([tcp(8080, 80)], conditionsOf(backend)) },
      ],
    },
    {
      ...common,
      name: `${backend}: a port is its next container's at once, also for a UDP conversation`,
      source: "CNI plugins issues 123 and 1190: stale conntrack entries of a UDP hostPort",
      containers: ["c1", "c2"],
      steps: [
        ...attach("c1", "c2"),
        { serve: "udp", in: "c1", port: 53 },
        { serve: "udp", in: "c2", port: 53 },
        serve("c1", 5353),
        serve("c2", 5353),
        ...["c1", "c2"].flatMap((container): Step[] => [
          add(config([udp(5353, 53), tcp(5353, 5353)]), container),
          arrives("outside", hostAddress.ipv4, { port: 5353, at: container }),
          ...families.map((family) =>
            arrives("outside", hostAddress[family], {
              packet: "udp",
              port: 5353,
              fromPort: 4000,
              at: container,
            }),
          ),
          { call: "DEL", config: config([udp(5353, 53), tcp(5353, 5353)]), container },
        ]),
      ],
    },
    {
      ...common,
      name: `${backend}: two networks on one container, each with a port`,
      source: "SPEC 1.1.0, section 2, DEL: an attachment is network, container and interface",
      steps: [
        ...attach("c1"),
        { run: ["ip", "address", "add", "10.22.0.12/24", "dev", "eth0"], in: "c1" },
        serve("c1"),
        add(config()),
        {
          ...{ call: "ADD", config: other(config), ifname: "eth1" },
          prevResult: {
            interfaces: [{ name: "cni0" }, { name: "eth1", sandbox: "/run/netns/c1" }],
            ips: [{ address: "10.22.0.12/24", interface: 1 }],
          },
        },
        ...[8080, 8081].map((port) => arrives("outside", hostAddress.ipv4, { port })),
        { call: "DEL", config: config() },
        isLost("outside", hostAddress.ipv4),
        arrives("outside", hostAddress.ipv4, { port: 8081 }),
        { call: "CHECK", config: other(config), ifname: "eth1" },
        { call: "DEL", config: other(config), ifname: "eth1" },
        isLost("outside", hostAddress.ipv4, { port: 8081 }),
      ],
    },
    {
      ...common,
      name: `${backend}: a container with another address is reached there`,
      source: "SPEC 1.1.0, section 2, ADD",
      containers: ["c1", "c2"],
      steps: [
        ...attach("c1", "c2"),
        serve("c2"),
        add(config()),
        { ...add(config(), "c2"), id: "c1", what: "the same ID with another address" },
        ...families.map((family) => arrives("outside", hostAddress[family], { at: "c2" })),
        { call: "DEL", config: config(), container: "c2", id: "c1" },
        isLost("outside", hostAddress.ipv4),
      ],
    },
  ];
}

/** Everybody but the world outside. */
function conditionsOf(backend: Backend) {
  const { ipv4, ipv6 } = outsideAddress;
  return backend === "iptables"
    ? { conditionsV4: ["!", "-s", ipv4], conditionsV6: ["!", "-s", ipv6] }
    : { conditionsV4: ["ip", "saddr", "!=", ipv4], conditionsV6: ["ip6", "saddr", "!=", ipv6] };
}

const ownChains = { iptables: ["KUBE-", "0x4000"], ip6tables: ["KUBE-", "0x4000"] };

/** Packets to published ports arrive from everywhere, and packets that are not for them are left alone. */
export const portmapPackets: Suite = {
  name: "portmap-packets",
  scenarios: [
    ...backends.flatMap(scenariosOf),
    {
      ...basics,
      name: "iptables: externalSetMarkChain decides what is masqueraded",
      source: "CNI plugins, portmap, externalSetMarkChain",
      needs: ["iptables"],
      leaves: { ...connections, ...ownChains },
      steps: [
        ...attach("c1"),
        serve("c1"),
        ...[
          "-N KUBE-MARK-MASQ",
          "-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000",
          "-A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE",
        ].flatMap((rule) =>
          ["iptables", "ip6tables"].map((tool) => ({ run: [tool, "-t", "nat", ...rule.split(" ")] })),
        ),
        add(publish([tcp(8080, 80)], { externalSetMarkChain: "KUBE-MARK-MASQ" })),
        arrives("c1", hostAddress.ipv4, { source: gateway.ipv4 }),
        arrives("host", "127.0.0.1", { source: gateway.ipv4 }),
        arrives("outside", hostAddress.ipv4, { source: outsideAddress.ipv4 }),
      ],
    },
    {
      ...basics,
      name: "without a backend iptables is used where it works",
      source: "CNI plugins, portmap, backend",
      needs: ["iptables", "nftables"],
      steps: [
        ...attach("c1"),
        serve("c1"),
        add({ runtimeConfig: { portMappings: [tcp(8080, 80)] } }),
        { rules: "ipv4", has: [{ $match: "^nat :CNI-DN-" }] },
        arrives("outside", hostAddress.ipv4),
      ],
    },
    {
      ...basics,
      name: "without a backend and without iptables nftables is used",
      source: "CNI plugins, portmap, backend",
      needs: ["iptables", "nftables"],
      steps: [
        ...attach("c1"),
        serve("c1"),
        hideIptables,
        { call: "STATUS", config: {} },
        add({ runtimeConfig: { portMappings: [tcp(8080, 80)] } }),
        ...families.map((family) => arrives("outside", hostAddress[family])),
        arrives("host", "127.0.0.1"),
        { call: "CHECK", config: { runtimeConfig: { portMappings: [tcp(8080, 80)] } } },
        { call: "DEL", config: { runtimeConfig: { portMappings: [tcp(8080, 80)] } } },
        isLost("outside", hostAddress.ipv4),
        showIptables,
      ],
    },
  ],
};
