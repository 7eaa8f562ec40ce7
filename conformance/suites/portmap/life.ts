import type { JsonObject } from "../../harness/host/json.ts";
import type { CallStep, Expect } from "../../scenario/call-step.ts";
import type { Pattern } from "../../scenario/match.ts";
import type { PacketStep, Scenario, Step, Suite } from "../../scenario/scenario.ts";
import {
  add,
  addAlone,
  attach,
  type Backend,
  backends,
  c1,
  connections,
  hostAddress,
  outsideAddress,
  publish,
  tcp,
  udp,
  v4,
  v6,
} from "./settings.ts";

const one = [tcp(8080, 80), udp(5353, 53)];
const nothingLeft: Step = { unchanged: true, except: "furniture" };
const fails = (msg: Pattern, details?: Pattern): Expect => ({
  error: { msg, ...(details !== undefined && { details }) },
});

/** What DEL may be called with when little is known of a container: each with what it is given. */
function removals(backend: Backend): [what: string, config: JsonObject, prevResult?: "none"][] {
  return [
    ["the result alone", { backend }],
    ["no result", publish(one, { backend }), "none"],
    ["nothing but names", {}, "none"],
    ["no mappings", { backend, runtimeConfig: { portMappings: [] } }],
    ["other mappings", publish([tcp(9999, 1)], { backend }), "none"],
    ["mappings that ADD would refuse", publish([{ hostPort: "x" }, tcp(0, 0)], { backend }), "none"],
    ["the other backend", publish(one, { backend: backend === "iptables" ? "nftables" : "iptables" })],
  ];
}

function scenariosOf(backend: Backend): Scenario[] {
  const config = (mappings: readonly JsonObject[] = one, keys: JsonObject = {}) =>
    publish(mappings, { backend, ...keys });
  const common = { plugin: "portmap", needs: [backend] } as const;
  const gc = (name: string, ids: readonly string[]): CallStep => ({
    call: "GC",
    config: {
      ...{ backend, name },
      "cni.dev/valid-attachments": ids.map((containerID) => ({ containerID, ifname: "eth0" })),
    },
  });
  const inC = (number: number, network = "net1"): CallStep => ({
    ...addAlone(config([tcp(8080 + number, 80)], { name: network }), [
      { address: `10.22.0.${number + 1}/24` },
    ]),
    id: `c${number}`,
  });
  const check = (number: number, expect?: Expect, network = "net1"): CallStep => ({
    ...inC(number, network),
    call: "CHECK",
    ...(expect !== undefined && { expect }),
  });
  return [
    {
      ...common,
      name: `${backend}: DEL without a namespace, twice`,
      source: 'SPEC 1.1.0, section 2, DEL: "plugins should generally complete a DEL action without error"',
      versions: "all",
      steps: [
        addAlone(config(), [v4, v6]),
        { call: "DEL", config: config(), netns: "" },
        nothingLeft,
        { call: "DEL", config: config(), netns: "", what: "a second time" },
        { call: "DEL", config: config(), netns: "/run/netns/gone", prevResult: "none" },
        nothingLeft,
      ],
    },
    ...removals(backend).map(
      ([what, known, prevResult]): Scenario => ({
        ...common,
        name: `${backend}: DEL with ${what} removes everything`,
        source: "SPEC 1.1.0, section 2, DEL; CNI plugins issues 683 and 752: rules that stayed",
        steps: [
          addAlone(config(), [v4, v6]),
          {
            ...{ call: "DEL", config: known, netns: "" },
            ...(prevResult !== undefined && { prevResult }),
          },
          nothingLeft,
        ],
      }),
    ),
    {
      ...common,
      name: `${backend}: DEL of what was never added`,
      source: "SPEC 1.1.0, section 2, DEL",
      versions: "all",
      steps: [
        { call: "DEL", config: config(), prevResult: "none" },
        { unchanged: true, except: "furniture" },
      ],
    },
    {
      ...common,
      name: `${backend}: a late DEL leaves the next owner of address and port alone`,
      source: "SPEC 1.1.0, section 2, DEL: an attachment is network, container and interface",
      steps: [
        { ...addAlone(config(), [v4, v6]), id: "dead" },
        { ...addAlone(config(), [v4, v6]), id: "alive" },
        { call: "DEL", config: config(), id: "dead" },
        { call: "CHECK", config: config(), id: "alive" },
        { call: "DEL", config: config(), id: "dead", prevResult: "none" },
        { call: "CHECK", config: config(), id: "alive" },
        { call: "DEL", config: config(), id: "alive" },
        nothingLeft,
      ],
    },
    {
      ...common,
      name: `${backend}: CHECK finds what is missing and mends nothing; ADD mends it`,
      source: "SPEC 1.1.0, section 2, CHECK",
      versions: ["0.4.0", "1.1.0"],
      steps: [
        addAlone(config(), [v4, v6]),
        { call: "CHECK", config: config() },
        ...flush(backend),
        { mark: true },
        { call: "CHECK", config: config(), expect: { error: {} } },
        { unchanged: true },
        { ...addAlone(config(), [v4, v6]), prevResult: "result" },
        { call: "CHECK", config: config() },
      ],
    },
    {
      ...common,
      name: `${backend}: CHECK finds that ADD never was`,
      source: "SPEC 1.1.0, section 2, CHECK",
      steps: [
        {
          ...{ call: "CHECK", config: config() },
          ...{ prevResult: addAlone(config()).prevResult ?? "none", expect: { error: {} } },
        },
        { unchanged: true },
      ],
    },
    {
      ...common,
      name: `${backend}: CHECK finds other ports than were added`,
      source: "SPEC 1.1.0, section 2, CHECK",
      steps: [
        addAlone(config()),
        ...[
          [tcp(8081, 80), udp(5353, 53)],
          [tcp(8080, 81), udp(5353, 53)],
          [...one, udp(8080, 80)],
          [tcp(8080, 80, "192.0.2.1"), udp(5353, 53)],
        ].map((mappings): Step => ({ call: "CHECK", config: config(mappings), expect: { error: {} } })),
        { call: "CHECK", config: config() },
      ],
    },
    {
      ...common,
      name: `${backend}: GC removes attachments that are not listed, of its network only`,
      source: "SPEC 1.1.0, section 2, GC",
      steps: [
        inC(1),
        inC(2),
        inC(3, "net2"),
        gc("net1", ["c1"]),
        check(1),
        check(2, { error: {} }),
        check(3, undefined, "net2"),
        gc("net1", []),
        gc("net2", []),
        nothingLeft,
      ],
    },
    {
      ...common,
      name: `${backend}: STATUS says that all is well, and changes nothing`,
      source: "SPEC 1.1.0, section 2, STATUS",
      steps: [{ call: "STATUS", config: { backend } }, { unchanged: true }],
    },
    {
      ...common,
      name: `${backend}: a port of a live container is refused to others, whose result names it`,
      source: "nerdctl issue 2179: two containers published one port in silence",
      outside: true,
      containers: ["c1", "c2"],
      leaves: connections,
      steps: [
        ...attach("c1", "c2"),
        add(config([tcp(8080, 80)])),
        { mark: true },
        ...[[tcp(9090, 80), tcp(8080, 81)], [tcp(8080, 80, "192.0.2.1")]].map(
          (mappings): Step => ({
            ...add(config(mappings, { name: "net2" }), "c2"),
            expect: fails({ $match: "8080/tcp.*c1" }),
          }),
        ),
        { unchanged: true },
        add(config([udp(8080, 80), tcp(8081, 80)]), "c2"),
      ],
    },
    {
      ...common,
      name: `${backend}: a port is taken over from a container that is gone`,
      source: "nerdctl issue 2699: a port was dead until its stale rules were removed by hand",
      outside: true,
      containers: ["c1", "c2"],
      leaves: connections,
      steps: [
        ...attach("c1", "c2"),
        { serve: "tcp", in: "c2", port: 80 },
        add(config([tcp(8080, 80)])),
        { run: ["ip", "link", "delete", "eth0"], in: "c1" },
        add(config([tcp(8080, 80)]), "c2"),
        fromOutside(),
        { call: "DEL", config: config([tcp(8080, 80)]) },
        fromOutside(),
      ],
    },
    {
      ...common,
      name: `${backend}: ADD and DEL forget tracked connections to the port, and no others`,
      source: "CNI plugins issues 123 and 1190: stale conntrack entries of a UDP hostPort",
      outside: true,
      leaves: connections,
      steps: [
        track("udp", hostAddress.ipv4, 5353),
        track("udp", "203.0.113.9", 5353),
        track("udp", hostAddress.ipv4, 5354),
        track("tcp", hostAddress.ipv4, 5353),
        addAlone(config([udp(5353, 53)])),
        tracked(
          "udp",
          [`203.0.113.9.*dport=5353`, `${hostAddress.ipv4}.*dport=5354`],
          [`${hostAddress.ipv4}.*dport=5353`],
        ),
        tracked("tcp", [`${hostAddress.ipv4}.*dport=5353`], []),
        track("udp", hostAddress.ipv4, 5353, c1.ipv4),
        track("udp", "203.0.113.8", 5353, "10.22.0.7"),
        { call: "DEL", config: config([udp(5353, 53)]) },
        tracked("udp", ["203.0.113.8.*dport=5353"], [`${hostAddress.ipv4}.*dport=5353`]),
      ],
    },
    {
      ...common,
      name: `${backend}: only the way to the container takes packets from 127.0.0.1`,
      source: "CNI plugins, portmap, snat; kernel, ip-sysctl, route_localnet",
      outside: true,
      steps: [
        ...attach("c1"),
        add(config([tcp(8080, 80)], { snat: false })),
        routeLocalnet("cni0", 0),
        { call: "DEL", config: config() },
        add(config([tcp(8080, 80)])),
        routeLocalnet("cni0", 1),
        { ...addAlone(config([tcp(8081, 80)]), [{ address: "203.0.113.5/24" }]), id: "routed" },
        routeLocalnet("uplink0", 0),
        { call: "DEL", config: config([tcp(8081, 80)]), id: "routed" },
      ],
    },
    ...refusalsOf(backend).map(
      ([what, refused, msg, ips = [v4, v6]]): Scenario => ({
        ...common,
        name: `${backend}: ADD refuses ${what}, and leaves nothing`,
        source: "SPEC 1.1.0, section 5, Error; CNI plugins, portmap",
        steps: [{ ...addAlone(refused, ips), expect: fails({ $match: msg }) }, { unchanged: true }],
      }),
    ),
  ];
}

/** What ADD must refuse, with what its error must name. */
function refusalsOf(backend: Backend): [what: string, config: JsonObject, msg: string, ips?: JsonObject[]][] {
  const mapping = (value: JsonObject) =>
    publish([tcp(8079, 79), { ...tcp(8080, 80), ...value }], { backend });
  const keys = (value: JsonObject) => publish(one, { backend, ...value });
  const common: [string, JsonObject, string][] = [
    ["host port 0", mapping({ hostPort: 0 }), "port"],
    ["a host port above 65535", mapping({ hostPort: 70000 }), "70000|port"],
    ["a negative container port", mapping({ containerPort: -1 }), "-1"],
    ["a port as text", mapping({ hostPort: "8080" }), "hostPort"],
    ["no protocol", mapping({ protocol: "" }), "protocol|symbol"],
    ["a protocol without ports", mapping({ protocol: "icmp" }), "icmp|dport"],
    ["a hostIP that is none", mapping({ hostIP: "10.1.0.0/16" }), "10\\.1\\.0\\.0/16"],
    ["a mark bit above 31", keys({ markMasqBit: 32 }), "(?i:mark)"],
    [
      "mark bit and mark chain at once",
      keys({ markMasqBit: 3, externalSetMarkChain: "X" }),
      "externalSetMarkChain",
    ],
  ];
  if (backend === "nftables") {
    return [
      ...common,
      ["options of iptables", keys({ externalSetMarkChain: "X" }), "externalSetMarkChain"],
      ["conditions of iptables", keys({ conditionsV4: ["-s", "10.0.0.1"] }), "conditionsV4"],
      ["a condition that is none", keys({ conditionsV6: ["no", "such", "words"] }), "no such words"],
    ];
  }
  return [
    ...common,
    ["an unknown backend", keys({ backend: "foo" }), "foo"],
    ["an empty backend", keys({ backend: "" }), "backend"],
    ["conditions of nftables", keys({ conditionsV4: ["ip", "saddr", "10.0.0.1"] }), "conditionsV4"],
    ["a mark chain that is not there", keys({ externalSetMarkChain: "KUBE-MARK-MASQ" }), "KUBE-MARK-MASQ"],
    ["a condition that is none, when IPv4 is done already", keys({ conditionsV6: ["--no-such"] }), "no-such"],
  ];
}

/** As a firewall's reload or a person does it. */
function flush(backend: Backend): Step[] {
  if (backend === "nftables") return [{ run: ["nft", "flush", "ruleset"] }];
  return ["iptables", "ip6tables"].flatMap((tool) => [
    { run: [tool, "-t", "nat", "-F"] },
    { run: [tool, "-t", "nat", "-X"] },
  ]);
}

/** A tracked connection of the world outside, translated when it leads `to` a container. */
function track(protocol: "tcp" | "udp", address: string, port: number, to?: string): Step {
  const client = outsideAddress.ipv4;
  const state = protocol === "tcp" ? ["--state", "ESTABLISHED"] : [];
  const tuple = ["-s", client, "-d", address, "--sport", "4000", "--dport", `${port}`];
  const reply = to === undefined ? [] : ["--reply-src", to, "--reply-dst", client];
  const ports = to === undefined ? [] : ["--reply-port-src", "53", "--reply-port-dst", "4000"];
  return { run: ["conntrack", "-I", "-t", "600", "-p", protocol, ...state, ...tuple, ...reply, ...ports] };
}

function tracked(protocol: string, has: readonly string[], lacks: readonly string[]): Step {
  const lines = (patterns: readonly string[]) => patterns.map((text) => ({ $match: `dst=${text}` }));
  return {
    look: ["conntrack", "-L", "-p", protocol],
    shows: { $all: [{ $has: lines(has) }, { $lacks: lines(lacks) }] },
  };
}

function routeLocalnet(device: string, value: 0 | 1): Step {
  return { look: ["cat", `/proc/sys/net/ipv4/conf/${device}/route_localnet`], shows: [`${value}`] };
}

function fromOutside(): PacketStep {
  return { packet: "tcp", from: "outside", to: hostAddress.ipv4, port: 8080, arrives: true, at: "c2" };
}

/** How published ports end, are checked, cleaned up, and refused. */
export const portmapLife: Suite = {
  name: "portmap-life",
  scenarios: [
    ...backends.flatMap(scenariosOf),
    ...(["PREROUTING", "OUTPUT"] as const).map(
      (to): Scenario => ({
        name: `iptables: CHECK finds that the jump from ${to} is missing`,
        plugin: "portmap",
        source: "SPEC 1.1.0, section 2, CHECK; firewalld issue 779: a reload drops rules",
        needs: ["iptables"],
        steps: [
          addAlone(publish(one)),
          {
            run: `iptables -t nat -D ${to} -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT`.split(" "),
          },
          { call: "CHECK", config: publish(one), expect: { error: { msg: { $match: to } } } },
          addAlone(publish(one)),
          { call: "CHECK", config: publish(one) },
        ],
      }),
    ),
    {
      name: "ADD and CHECK need the result of a plugin before",
      plugin: "portmap",
      source: "SPEC 1.1.0, section 3: chained plugins get a prevResult",
      needs: ["iptables"],
      versions: "all",
      steps: [
        { call: "ADD", config: publish(one), expect: { error: {} } },
        { call: "CHECK", config: publish(one), prevResult: "none", expect: { error: {} } },
        { unchanged: true },
      ],
    },
  ],
};
