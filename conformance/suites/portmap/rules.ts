import type { JsonObject } from "../../harness/host/json.ts";
import { asPattern } from "../../scenario/match.ts";
import type { Scenario, Step, Suite } from "../../scenario/scenario.ts";
import { addAlone, c1, chainOf, publish, resultOf, tcp, udp, v4, v6 } from "./settings.ts";

const chain = chainOf();
const source = 'CNI plugins, portmap, "Rule structure"';

const dnat = [
  "nat :CNI-HOSTPORT-DNAT -",
  "nat -A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT",
  "nat -A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT",
];
const masquerade = (mark = "0x2000") => [
  "nat :CNI-HOSTPORT-SETMARK -",
  "nat :CNI-HOSTPORT-MASQ -",
  'nat -A POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ',
  `nat -A CNI-HOSTPORT-SETMARK -m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark ${mark}/${mark}`,
  `nat -A CNI-HOSTPORT-MASQ -m mark --mark ${mark}/${mark} -j MASQUERADE`,
];
const shared = [...dnat, ...masquerade()];

/** The line that leads to the container's chain. */
function entry(protocol: string, ports: string, condition = "", to = chain, id = "c1"): string {
  const comment = `dnat name: \\"net1\\" id: \\"${id}\\"`;
  return `nat -A CNI-HOSTPORT-DNAT ${condition}-p ${protocol} -m comment --comment "${comment}" -m multiport --dports ${ports} -j ${to}`;
}

/** What one port has in the container's chain: `match` is what comes before the protocol. */
function port(
  hostPort: number,
  to: string,
  { protocol = "tcp", match = "", sources = v4Sources } = {},
): string[] {
  const rule = (from: string) =>
    `nat -A ${chain} ${from}${match}-p ${protocol} -m ${protocol} --dport ${hostPort} -j `;
  return [
    ...sources.map((from) => `${rule(from)}CNI-HOSTPORT-SETMARK`),
    `${rule("")}DNAT --to-destination ${to}`,
  ];
}
const v4Sources = ["-s 10.22.0.0/24 ", "-s 127.0.0.1/32 "];
const v6Sources = ["-s fd00:22::/64 "];

const declared = `nat :${chain} -`;
const one = [...shared, declared, ...port(8080, `${c1.ipv4}:80`), entry("tcp", "8080")];
const one6 = [
  ...shared,
  declared,
  ...port(8080, `[${c1.ipv6}]:80`, { sources: v6Sources }),
  entry("tcp", "8080"),
];

type Rules = {
  config: JsonObject;
  ips?: JsonObject[];
  before?: Step[];
  ipv4?: string[];
  ipv6?: string[];
} & Pick<Scenario, "leaves" | "versions">;

/** ADD makes exactly these rules, once, and CHECK is content with them; DEL takes what is the container's. */
function makes(
  name: string,
  { config, ips = [v4], before = [], ipv4 = [], ipv6 = [], ...rest }: Rules,
): Scenario {
  const exactly: Step[] = [
    { rules: "ipv4", are: ipv4 },
    { rules: "ipv6", are: ipv6 },
  ];
  const add = addAlone(config, ips);
  return {
    name,
    plugin: "portmap",
    source,
    needs: ["iptables"],
    ...rest,
    steps: [
      ...before,
      { ...add, expect: { result: asPattern(resultOf(...ips)) } },
      ...exactly,
      { ...add, what: "a second time" },
      ...exactly,
      { call: "CHECK", config },
      ...exactly,
      { call: "DEL", config },
      ...(["ipv4", "ipv6"] as const).map((rules) => ({ rules, lacks: [{ $match: "CNI-DN-" }] })),
      { call: "DEL", config, what: "a second time" },
    ],
  };
}

const hostIPs = [
  ...[tcp(8080, 80, "192.0.2.1"), tcp(8081, 81, "0.0.0.0"), tcp(8082, 82, "127.0.0.1")],
  ...[tcp(8083, 83, "2001:db8::5"), tcp(8084, 84, "::")],
];
const markChain: Step[] = ["iptables", "ip6tables"].map((tool) => ({
  run: [tool, "-t", "nat", "-N", "KUBE-MARK-MASQ"],
}));
/** The whole table where a chain of somebody else marks packets to port 8080. */
const kube = (ports: string[]) => [
  ...dnat,
  "nat :KUBE-MARK-MASQ -",
  declared,
  ...ports.map((line) => line.replace("CNI-HOSTPORT-SETMARK", "KUBE-MARK-MASQ")),
  entry("tcp", "8080"),
];
const range = (from: number, count: number) => Array.from({ length: count }, (_none, index) => from + index);

/** The iptables backend's rules, line for line: what people's scripts and other plugins rely on. */
export const portmapRules: Suite = {
  name: "portmap-rules",
  scenarios: [
    makes("one port, both families", {
      versions: "all",
      config: publish([tcp(8080, 80)]),
      ips: [v4, v6],
      ipv4: one,
      ipv6: one6,
    }),
    makes("IPv4 only", { config: publish([tcp(8080, 80)]), ipv4: one }),
    makes("IPv6 only", { config: publish([tcp(8080, 80)]), ips: [v6], ipv6: one6 }),
    makes("each protocol has its entry, in the order of names", {
      config: publish([
        ...[tcp(8080, 80), tcp(8081, 81), udp(5353, 53), udp(5354, 54)],
        { ...tcp(9000, 90), protocol: "sctp" },
      ]),
      ipv4: [
        ...shared,
        declared,
        ...port(8080, `${c1.ipv4}:80`),
        ...port(8081, `${c1.ipv4}:81`),
        ...port(5353, `${c1.ipv4}:53`, { protocol: "udp" }),
        ...port(5354, `${c1.ipv4}:54`, { protocol: "udp" }),
        ...port(9000, `${c1.ipv4}:90`, { protocol: "sctp" }),
        entry("sctp", "9000"),
        entry("tcp", "8080,8081"),
        entry("udp", "5353,5354"),
      ],
    }),
    makes("hostIP: 0.0.0.0 is all of IPv4, :: all of IPv6, an address itself", {
      config: publish(hostIPs),
      ips: [v4, v6],
      ipv4: [
        ...shared,
        declared,
        ...port(8080, `${c1.ipv4}:80`, { match: "-d 192.0.2.1/32 " }),
        ...port(8081, `${c1.ipv4}:81`),
        ...port(8082, `${c1.ipv4}:82`, { match: "-d 127.0.0.1/32 " }),
        entry("tcp", "8080,8081,8082,8083,8084"),
      ],
      ipv6: [
        ...shared,
        declared,
        ...port(8083, `[${c1.ipv6}]:83`, { match: "-d 2001:db8::5/128 ", sources: v6Sources }),
        ...port(8084, `[${c1.ipv6}]:84`, { sources: v6Sources }),
        entry("tcp", "8080,8081,8082,8083,8084"),
      ],
    }),
    makes("snat false: nothing is masqueraded", {
      config: publish([tcp(8080, 80)], { snat: false }),
      ips: [v4, v6],
      ipv4: [...dnat, declared, ...port(8080, `${c1.ipv4}:80`, { sources: [] }), entry("tcp", "8080")],
      ipv6: [...dnat, declared, ...port(8080, `[${c1.ipv6}]:80`, { sources: [] }), entry("tcp", "8080")],
    }),
    makes("masqAll: everything is masqueraded", {
      config: publish([tcp(8080, 80)], { masqAll: true }),
      ips: [v4, v6],
      ipv4: [...shared, declared, ...port(8080, `${c1.ipv4}:80`, { sources: [""] }), entry("tcp", "8080")],
      ipv6: [...shared, declared, ...port(8080, `[${c1.ipv6}]:80`, { sources: [""] }), entry("tcp", "8080")],
    }),
    ...(
      [
        [0, "0x1"],
        [31, "0x80000000"],
      ] as const
    ).map(([bit, mark]) =>
      makes(`markMasqBit ${bit}`, {
        config: publish([tcp(8080, 80)], { markMasqBit: bit }),
        ipv4: [...dnat, ...masquerade(mark), declared, ...port(8080, `${c1.ipv4}:80`), entry("tcp", "8080")],
      }),
    ),
    makes("externalSetMarkChain: marking is left to the chain", {
      before: markChain,
      config: publish([tcp(8080, 80)], { externalSetMarkChain: "KUBE-MARK-MASQ" }),
      ips: [v4, v6],
      ipv4: kube(port(8080, `${c1.ipv4}:80`)),
      ipv6: kube(port(8080, `[${c1.ipv6}]:80`, { sources: v6Sources })),
      leaves: { iptables: ["KUBE-MARK-MASQ"], ip6tables: ["KUBE-MARK-MASQ"] },
    }),
    makes("externalSetMarkChain is needed only in the family whose ports are published", {
      before: markChain.slice(0, 1),
      config: publish([tcp(8080, 80, "0.0.0.0")], { externalSetMarkChain: "KUBE-MARK-MASQ" }),
      ips: [v4, v6],
      ipv4: kube(port(8080, `${c1.ipv4}:80`)),
      ipv6: [...dnat, declared, entry("tcp", "8080")],
      leaves: { iptables: ["KUBE-MARK-MASQ"] },
    }),
    makes("conditionsV4 and conditionsV6 stand in the entry of their family", {
      config: publish([tcp(8080, 80)], {
        conditionsV4: ["!", "-d", "192.0.2.0/24"],
        conditionsV6: ["!", "-d", "fc00::/7"],
      }),
      ips: [v4, v6],
      ipv4: [...one.slice(0, -1), entry("tcp", "8080", "! -d 192.0.2.0/24 ")],
      ipv6: [...one6.slice(0, -1), entry("tcp", "8080", "! -d fc00::/7 ")],
    }),
    makes("fifteen ports in each entry", {
      config: publish(range(8000, 17).map((hostPort) => tcp(hostPort, 80))),
      ipv4: [
        ...shared,
        declared,
        ...range(8000, 17).flatMap((hostPort) => port(hostPort, `${c1.ipv4}:80`)),
        entry("tcp", range(8000, 15).join(",")),
        entry("tcp", "8015,8016"),
      ],
    }),
    makes("the same mapping twice is made once", {
      config: publish([tcp(8080, 80), tcp(8080, 80)]),
      ipv4: [...one.slice(0, -1), entry("tcp", "8080,8080")],
    }),
    makes("an address without an interface is the container's", {
      config: publish([tcp(8080, 80)]),
      ips: [{ address: v4.address }],
      ipv4: one,
    }),
    makes("an address of the host is not published", {
      config: publish([tcp(8080, 80)]),
      ips: [{ ...v4, interface: 0 }],
    }),
    makes("the first address of a family is published", {
      config: publish([tcp(8080, 80)]),
      ips: [{ ...v4, address: "10.22.0.1/24", interface: 0 }, v4, { ...v4, address: "10.22.0.9/24" }],
      ipv4: one,
    }),
    makes("without mappings there are no rules", { config: publish([]), ips: [v4, v6] }),
    makes("without runtimeConfig there are no rules", { config: { backend: "iptables" }, ips: [v4, v6] }),
    {
      name: "rules of others stay where they are: masquerading comes first, publishing last",
      plugin: "portmap",
      source: "CNI plugins pull request 269 (CVE-2019-9946): a hostPort must not come before a service",
      needs: ["iptables"],
      leaves: { iptables: ["-j RETURN"] },
      steps: [
        ...["PREROUTING", "OUTPUT", "POSTROUTING"].map((to) => ({
          run: ["iptables", "-t", "nat", "-A", to, "-m", "comment", "--comment", 'it"s', "-j", "RETURN"],
        })),
        addAlone(publish([tcp(8080, 80)])),
        {
          rules: "ipv4",
          are: [
            'nat -A PREROUTING -m comment --comment "it\\"s" -j RETURN',
            'nat -A OUTPUT -m comment --comment "it\\"s" -j RETURN',
            ...one,
            'nat -A POSTROUTING -m comment --comment "it\\"s" -j RETURN',
          ],
        },
        { call: "CHECK", config: publish([tcp(8080, 80)]) },
      ],
    },
    {
      name: "containers share chains; each leaves with its own",
      plugin: "portmap",
      source,
      needs: ["iptables"],
      containers: ["c1", "c2"],
      steps: [
        addAlone(publish([tcp(8080, 80)])),
        { ...addAlone(publish([tcp(8081, 80)]), [{ address: "10.22.0.3/24" }]), container: "c2" },
        {
          rules: "ipv4",
          has: [entry("tcp", "8080"), entry("tcp", "8081", "", chainOf("net1", "c2"), "c2"), ...shared],
        },
        { call: "CHECK", config: publish([tcp(8080, 80)]) },
        { call: "DEL", config: publish([tcp(8081, 80)]), container: "c2" },
        { rules: "ipv4", are: one },
        { call: "CHECK", config: publish([tcp(8080, 80)]) },
      ],
    },
  ],
};
