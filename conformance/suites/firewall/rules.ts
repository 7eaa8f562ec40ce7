import type { JsonObject } from "../../harness/host/json.ts";
import type { CallStep } from "../../scenario/call-step.ts";
import { asPattern } from "../../scenario/match.ts";
import type { Scenario, Step, Suite } from "../../scenario/scenario.ts";
import { addAlone, resultOf } from "./settings.ts";

const source = "CNI plugins, firewall";
const comment = (text: string) => `-m comment --comment "CNI firewall plugin ${text}"`;
const v4 = "10.22.0.2/24";
const v6 = "fd00:22::2/64";

const frame = (admin = "CNI-ADMIN") => [
  "filter :CNI-FORWARD -",
  `filter :${admin} -`,
  `filter -A FORWARD ${comment("rules")} -j CNI-FORWARD`,
  `filter -A CNI-FORWARD ${comment("admin overrides")} -j ${admin}`,
];
const accepts = (...addresses: string[]) =>
  addresses.flatMap((address) => [
    `filter -A CNI-FORWARD -d ${address} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
    `filter -A CNI-FORWARD -s ${address} -j ACCEPT`,
  ]);
const both = comment("rules (ingressPolicy: same-bridge|isolated)");
const isolatedChains = ["filter :CNI-ISOLATION-STAGE-1 -", "filter :CNI-ISOLATION-STAGE-2 -"];
const isolationJump = `filter -A FORWARD ${both} -j CNI-ISOLATION-STAGE-1`;

/** The stages with one bridge in them. */
function stages(policy: "same-bridge" | "isolated", bridge = "cni0"): string[] {
  const own = comment(`rules (ingressPolicy: ${policy})`);
  return [
    ...isolatedChains,
    ...(policy === "isolated"
      ? [`filter -A CNI-ISOLATION-STAGE-1 -i ${bridge} -o ${bridge} ${own} -j DROP`]
      : []),
    `filter -A CNI-ISOLATION-STAGE-1 -i ${bridge} ! -o ${bridge} ${own} -j CNI-ISOLATION-STAGE-2`,
    `filter -A CNI-ISOLATION-STAGE-1 ${both} -j RETURN`,
    `filter -A CNI-ISOLATION-STAGE-2 -o ${bridge} ${both} -j DROP`,
    `filter -A CNI-ISOLATION-STAGE-2 ${both} -j RETURN`,
  ];
}

const open4 = [...frame(), ...accepts("10.22.0.2/32")];
const open6 = [...frame(), ...accepts("fd00:22::2/128")];

type Rules = {
  config: JsonObject;
  addresses?: string[];
  bridge?: string | null;
  before?: Step[];
  ipv4?: string[];
  ipv6?: string[];
} & Pick<Scenario, "leaves" | "versions">;

/** ADD makes exactly these rules, once, and CHECK is content with them; DEL takes those of the addresses. */
function makes(name: string, rules: Rules): Scenario {
  const { config, addresses = [v4], bridge, before = [], ipv4 = [], ipv6 = [], ...rest } = rules;
  const exactly: Step[] = [
    { rules: "ipv4", are: ipv4 },
    { rules: "ipv6", are: ipv6 },
  ];
  const own = { backend: "iptables", ...config };
  const add = addAlone(own, addresses, bridge);
  const handedOn = { result: asPattern(resultOf(addresses, bridge)) };
  return {
    name,
    plugin: "firewall",
    source,
    needs: ["iptables"],
    ...rest,
    steps: [
      ...before,
      { ...add, ...(bridge !== null && addresses.length > 0 && { expect: handedOn }) },
      ...exactly,
      { ...add, what: "a second time" },
      ...exactly,
      { call: "CHECK", config: own },
      ...exactly,
      { call: "DEL", config: own },
      ...(["ipv4", "ipv6"] as const).map((family) => ({
        ...{ rules: family, lacks: [{ $match: "-[sd] (10\\.22|fd00:22)" }] },
      })),
      { call: "DEL", config: own, what: "a second time" },
    ],
  };
}

const policy = (ingressPolicy: string) => ({ ingressPolicy });
const withPolicy = (name: "same-bridge" | "isolated", rules: string[]) => [
  isolationJump,
  ...rules,
  ...stages(name),
];

/** Two attachments, each of its own network. */
function second(config: JsonObject, address: string, bridge: string): CallStep {
  return {
    ...addAlone({ backend: "iptables", name: "net2", ...config }, [address], bridge),
    ...{ container: "c2" },
  };
}

/** The iptables backend's rules, line for line: what people's scripts and other plugins rely on. */
export const firewallRules: Suite = {
  name: "firewall-rules",
  scenarios: [
    makes("both families", {
      versions: { from: "0.4.0" },
      config: {},
      addresses: [v4, v6],
      ipv4: open4,
      ipv6: open6,
    }),
    makes("IPv4 only", { config: policy("open"), ipv4: open4 }),
    makes("IPv6 only", { config: {}, addresses: [v6], ipv6: open6 }),
    makes("every address of a container, with or without an interface", {
      config: {},
      bridge: null,
      addresses: [v4, "10.22.0.12/16", "fd00:22:0:1::/64", v6],
      ipv4: [...frame(), ...accepts("10.22.0.2/32", "10.22.0.12/32")],
      ipv6: [...frame(), ...accepts("fd00:22:0:1::/128", "fd00:22::2/128")],
    }),
    makes("no address, no rule", { config: policy("isolated"), addresses: [] }),
    makes("iptablesAdminChainName", {
      config: { iptablesAdminChainName: "MY-ADMIN" },
      ipv4: [...frame("MY-ADMIN"), ...accepts("10.22.0.2/32")],
      leaves: { iptables: ["MY-ADMIN"] },
    }),
    makes("an unknown backend is chosen as if there was none", { config: { backend: "foo" }, ipv4: open4 }),
    ...(["same-bridge", "isolated"] as const).map((name) =>
      makes(`ingressPolicy ${name}`, {
        config: policy(name),
        addresses: [v4, v6],
        ipv4: withPolicy(name, open4),
        ipv6: withPolicy(name, open6),
      }),
    ),
    makes("rules of others stay: ours come first in FORWARD, last in a chain that is there", {
      before: [
        ["-A", "FORWARD", "-j", "DROP"],
        ["-N", "CNI-ADMIN"],
        ["-A", "CNI-ADMIN", "-p", "tcp", "-j", "ACCEPT"],
        ["-N", "CNI-FORWARD"],
        ["-A", "CNI-FORWARD", "-m", "comment", "--comment", "theirs", "-j", "RETURN"],
      ].map((rule) => ({ run: ["iptables", ...rule] })),
      config: policy("same-bridge"),
      ipv4: [
        ...withPolicy("same-bridge", frame()),
        "filter -A FORWARD -j DROP",
        "filter -A CNI-ADMIN -p tcp -j ACCEPT",
        "filter -A CNI-FORWARD -m comment --comment theirs -j RETURN",
        ...accepts("10.22.0.2/32"),
      ],
      leaves: { iptables: ["FORWARD -j DROP", "-p tcp -j ACCEPT", "theirs"] },
    }),
    {
      name: "containers share chains; each leaves with its own",
      plugin: "firewall",
      source,
      needs: ["iptables"],
      containers: ["c1", "c2"],
      steps: [
        addAlone({ backend: "iptables" }),
        second({}, "10.22.0.3/24", "cni0"),
        { rules: "ipv4", are: [...open4, ...accepts("10.22.0.3/32")] },
        { call: "DEL", config: { backend: "iptables" } },
        { rules: "ipv4", are: [...frame(), ...accepts("10.22.0.3/32")] },
        { call: "CHECK", config: { backend: "iptables", name: "net2" }, container: "c2" },
      ],
    },
    {
      name: "two admin chains: the later one is asked first",
      plugin: "firewall",
      source,
      needs: ["iptables"],
      containers: ["c1", "c2"],
      leaves: { iptables: ["MY-ADMIN"] },
      steps: [
        addAlone({ backend: "iptables", iptablesAdminChainName: "MY-ADMIN" }),
        second({}, "10.23.0.2/24", "cni1"),
        {
          rules: "ipv4",
          are: [
            "filter :MY-ADMIN -",
            ...frame(),
            `filter -A CNI-FORWARD ${comment("admin overrides")} -j MY-ADMIN`,
            ...accepts("10.22.0.2/32", "10.23.0.2/32"),
          ],
        },
      ],
    },
    {
      name: "several bridges: the newest first, one RETURN at the end",
      plugin: "firewall",
      source,
      needs: ["iptables"],
      containers: ["c1", "c2"],
      steps: [
        addAlone({ backend: "iptables", ...policy("isolated") }),
        second(policy("same-bridge"), "10.23.0.2/24", "cni1"),
        {
          rules: "ipv4",
          are: [
            isolationJump,
            ...open4,
            ...accepts("10.23.0.2/32"),
            ...stages("same-bridge", "cni1").filter((line) => !line.endsWith("RETURN")),
            ...stages("isolated").filter((line) => !line.startsWith("filter :")),
          ],
        },
      ],
    },
  ],
};
