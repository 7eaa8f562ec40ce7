import type { JsonObject } from "../../harness/host/json.ts";
import type { CallStep, Expect } from "../../scenario/call-step.ts";
import type { Scenario, Step, Suite } from "../../scenario/scenario.ts";
import { addAlone, resultOf } from "./settings.ts";

type Backend = "iptables" | "nftables";

const addresses = ["10.22.0.2/24", "fd00:22::2/64"];
const nothingLeft: Step = { unchanged: true, except: "furniture" };

function scenariosOf(backend: Backend): Scenario[] {
  const config = (keys: JsonObject = {}): JsonObject => ({ backend, ingressPolicy: "isolated", ...keys });
  const common = { plugin: "firewall", needs: [backend] } as const;
  const removals: [what: string, config: JsonObject, prevResult?: "none"][] = [
    ["no result", config(), "none"],
    ["nothing but names", {}, "none"],
    ["a configuration that ADD would refuse", config({ ingressPolicy: "foo" })],
    ["the other backend", config({ backend: backend === "iptables" ? "nftables" : "iptables" })],
  ];
  const inC = (number: number, network = "net1"): CallStep => ({
    ...addAlone(config({ name: network }), [`10.22.0.${number + 1}/24`], "cni0", `veth${number}`),
    id: `c${number}`,
  });
  const check = (number: number, expect?: Expect, network = "net1"): CallStep => ({
    ...inC(number, network),
    call: "CHECK",
    ...(expect !== undefined && { expect }),
  });
  const gc = (name: string, ids: readonly string[]): CallStep => ({
    call: "GC",
    config: {
      ...{ backend, name },
      "cni.dev/valid-attachments": ids.map((containerID) => ({ containerID, ifname: "eth0" })),
    },
  });
  return [
    {
      ...common,
      name: `${backend}: DEL without a namespace, twice`,
      source: 'SPEC 1.1.0, section 2, DEL: "plugins should generally complete a DEL action without error"',
      versions: { from: "0.4.0" },
      steps: [
        addAlone(config(), addresses),
        { call: "DEL", config: config(), netns: "" },
        nothingLeft,
        { call: "DEL", config: config(), netns: "", what: "a second time" },
        { call: "DEL", config: config(), netns: "/run/netns/gone", prevResult: "none" },
        nothingLeft,
      ],
    },
    ...removals.map(
      ([what, known, prevResult]): Scenario => ({
        ...common,
        name: `${backend}: DEL with ${what} removes everything`,
        source: "SPEC 1.1.0, section 2, DEL",
        steps: [
          addAlone(config(), addresses),
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
      name: `${backend}: a late DEL does not cut off the next owner of the address`,
      source: "SPEC 1.1.0, section 2, DEL: an attachment is network, container and interface",
      steps: [
        { ...addAlone(config(), addresses), id: "dead" },
        { ...addAlone(config(), addresses), id: "alive" },
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
      name: `${backend}: two networks on one container, each with its address`,
      source: "SPEC 1.1.0, section 2, DEL: an attachment is network, container and interface",
      steps: [
        addAlone(config(), addresses),
        { ...addAlone(config({ name: "net2" }), ["10.23.0.2/24"], "cni1", "veth2"), ifname: "eth1" },
        { call: "DEL", config: config(), prevResult: "none" },
        { call: "CHECK", config: config({ name: "net2" }), ifname: "eth1" },
        { call: "DEL", config: config({ name: "net2" }), ifname: "eth1", prevResult: "none" },
        nothingLeft,
      ],
    },
    {
      ...common,
      name: `${backend}: CHECK finds what is missing and mends nothing; ADD mends it`,
      source: "SPEC 1.1.0, section 2, CHECK",
      versions: ["0.4.0", "1.1.0"],
      steps: [
        addAlone(config(), addresses),
        { call: "CHECK", config: config() },
        ...flush(backend),
        { mark: true },
        { call: "CHECK", config: config(), expect: { error: {} } },
        { unchanged: true },
        { ...addAlone(config(), addresses), prevResult: "result" },
        { call: "CHECK", config: config() },
      ],
    },
    {
      ...common,
      name: `${backend}: CHECK finds that ADD never was`,
      source: "SPEC 1.1.0, section 2, CHECK",
      steps: [
        { call: "CHECK", config: config(), prevResult: resultOf(addresses), expect: { error: {} } },
        { unchanged: true },
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
    ...refusals(config).map(
      ([what, refused, msg, bridge = "cni0"]): Scenario => ({
        ...common,
        name: `${backend}: ADD refuses ${what}, and leaves nothing`,
        source: "SPEC 1.1.0, section 5, Error; CNI plugins, firewall",
        steps: [
          { ...addAlone(refused, addresses, bridge), expect: { error: { msg: { $match: msg } } } },
          { unchanged: true },
        ],
      }),
    ),
    {
      ...common,
      name: `${backend}: ADD and CHECK need the result of a plugin before`,
      source: "SPEC 1.1.0, section 3: chained plugins get a prevResult",
      versions: { from: "0.4.0" },
      steps: [
        { call: "ADD", config: config(), expect: { error: { msg: { $match: "prevResult" } } } },
        {
          call: "CHECK",
          config: config(),
          prevResult: "none",
          expect: { error: { msg: { $match: "prevResult" } } },
        },
        { unchanged: true },
      ],
    },
  ];
}

type Refusal = [what: string, config: JsonObject, msg: string, bridge?: string | null];

function refusals(config: (keys: JsonObject) => JsonObject): Refusal[] {
  return [
    ["an unknown policy", config({ ingressPolicy: "foo" }), "foo"],
    ["a policy without a bridge", config({}), "isolated", null],
    ["a backend that is no text", config({ backend: 5 }), "backend"],
  ];
}

/** As a firewall's reload or a person does it. */
function flush(backend: Backend): Step[] {
  if (backend === "nftables") return [{ run: ["nft", "flush", "ruleset"] }];
  return ["iptables", "ip6tables"].flatMap((tool) => [{ run: [tool, "-F"] }, { run: [tool, "-X"] }]);
}

/** How what was let through is ended, checked, cleaned up, and refused. */
export const firewallLife: Suite = {
  name: "firewall-life",
  scenarios: [
    ...(["iptables", "nftables"] as const).flatMap(scenariosOf),
    {
      name: "iptables: every instance of an address's rules goes with DEL",
      plugin: "firewall",
      source: "SPEC 1.1.0, section 2, DEL",
      needs: ["iptables"],
      steps: [
        addAlone({ backend: "iptables" }),
        { run: ["iptables", "-A", "CNI-FORWARD", "-s", "10.22.0.2/32", "-j", "ACCEPT"] },
        { call: "DEL", config: { backend: "iptables" } },
        { rules: "ipv4", lacks: [{ $match: "10\\.22\\.0\\.2" }] },
      ],
    },
    ...[
      { what: "above 28 bytes", name: "A".repeat(29) },
      { what: "that is a target", name: "ACCEPT" },
      { what: "with a blank", name: "MY ADMIN" },
    ].map(
      ({ what, name }): Scenario => ({
        name: `iptables: ADD refuses an admin chain ${what}, and leaves nothing`,
        plugin: "firewall",
        source: "iptables(8): names of chains; CNI plugins, firewall, iptablesAdminChainName",
        needs: ["iptables"],
        steps: [
          {
            ...addAlone({ backend: "iptables", iptablesAdminChainName: name }),
            expect: { error: { msg: { $match: name } } },
          },
          { unchanged: true },
        ],
      }),
    ),
  ],
};
