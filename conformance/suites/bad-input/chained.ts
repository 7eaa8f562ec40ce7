import type { Step } from "../../scenario/scenario.ts";
import { type Broken, decoding, type Group, invalid, long, own, value } from "./table.ts";

const typed = "SPEC 1.1.0, section 1: types of keys; section 5, Error: codes 6 and 7";

const prevResult =
  '"prevResult":{"cniVersion":"1.1.0","interfaces":[{"name":"eth0","sandbox":"/run/netns/c1"}],"ips":[{"address":"10.1.0.5/24","interface":0}]}';

/** The configuration's keys behind a good result. */
const after = (what: string, keys: string, code: Broken[2], names?: string): Broken =>
  names === undefined ? [what, `${keys},${prevResult}`, code] : [what, `${keys},${prevResult}`, code, names];

const wrongTypes = (key: string, ...values: string[]): Broken[] =>
  values.map((wrong) => after(`${key} is ${wrong}`, `"${key}":${wrong}`, decoding, `(?i:${key})`));

const mapping = (text: string) => `"runtimeConfig":{"portMappings":[${text}]}`;
const good = '"hostPort":8080,"containerPort":80,"protocol":"tcp"';

const portmapKeys: Group = {
  name: "ports, protocols, conditions and marks",
  plugin: "portmap",
  source: `${typed}; CNI plugins, portmap; CONVENTIONS, portMappings`,
  base: "",
  table: [
    ...wrongTypes("snat", '"true"', "1"),
    ...wrongTypes("masqAll", '"true"', "[]"),
    ...wrongTypes("markMasqBit", '"13"', "13.5", "1e1"),
    ...wrongTypes("externalSetMarkChain", "5", "[]"),
    ...wrongTypes("backend", "5", "{}"),
    ...wrongTypes("conditionsV4", '"-s 10.0.0.1"', "{}", "[5]"),
    ...wrongTypes("conditionsV6", '"!"', "[[]]"),
    ...["{}", '"8080:80"', "[8080]", '["8080:80"]'].map((wrong) =>
      after(`portMappings ${wrong}`, `"runtimeConfig":{"portMappings":${wrong}}`, decoding, "portMappings"),
    ),
    ...(
      [
        ["hostPort", '"8080"'],
        ["hostPort", "8080.5"],
        ["hostPort", "[]"],
        ["containerPort", '"80"'],
        ["containerPort", "1e2"],
        ["protocol", "6"],
        ["protocol", '["tcp"]'],
        ["hostIP", "5"],
        ["hostIP", "{}"],
      ] as const
    ).map(([key, wrong]) => after(`${key} ${wrong}`, mapping(`{${good},"${key}":${wrong}}`), decoding, key)),
    ...["-1", "65536", "70000", "4294967376", "99999999999"].flatMap((port) => [
      after(
        `host port ${port}`,
        mapping(`{"containerPort":80,"protocol":"tcp","hostPort":${port}}`),
        value,
        "(?i:port)",
      ),
      after(
        `container port ${port}`,
        mapping(`{"hostPort":80,"protocol":"tcp","containerPort":${port}}`),
        value,
        "(?i:port)",
      ),
    ]),
    after(
      "container port 0",
      mapping('{"hostPort":80,"protocol":"tcp","containerPort":0}'),
      value,
      "(?i:port)",
    ),
    after("no ports", mapping('{"protocol":"tcp"}'), value, "(?i:port)"),
    after("an empty mapping", mapping("{}"), value, "(?i:port)"),
    ...["icmp", "tcp,udp", "", "6", "tcp -j ACCEPT", "tcp\\n-A INPUT -j ACCEPT", "tcp\\u0000", "t c p"].map(
      (protocol) =>
        after(
          `the protocol ${protocol}`,
          mapping(`{"hostPort":80,"containerPort":80,"protocol":"${protocol}"}`),
          value,
          "(?i:protocol)",
        ),
    ),
    ...[
      "10.0.0.0/8",
      "x",
      "10.0.0",
      "fe80::1%eth0",
      "[::1]",
      "10.0.0.1 -j ACCEPT",
      "10.0.0.1\\n",
      "10.0.0.1\\u0000",
    ].map((address) =>
      after(`the host IP ${address}`, mapping(`{${good},"hostIP":"${address}"}`), value, "(?i:ip|address)"),
    ),
    ...["32", "-1", "99999"].map((bit) =>
      after(`mark bit ${bit}`, `"markMasqBit":${bit},${mapping(`{${good}}`)}`, value, "(?i:mark)"),
    ),
    after(
      "a mark bit and a mark chain",
      `"markMasqBit":5,"externalSetMarkChain":"X",${mapping(`{${good}}`)}`,
      invalid,
      "(?i:mark)",
    ),
    ...[
      "-j ACCEPT",
      "KUBE MARK",
      "X\\n-A INPUT -j DROP",
      "! X",
      "X\\u0000",
      "a-chain-name-that-is-much-too-long-for-it",
      "NOT-THERE",
    ].map((chain) =>
      after(
        `the mark chain ${chain}`,
        `"backend":"iptables","externalSetMarkChain":"${chain}",${mapping(`{${good}}`)}`,
        own,
      ),
    ),
    ...[
      '["-s","10.0.0.1\\n-A INPUT -j ACCEPT"]',
      '["--no-such-option"]',
      '["-s","10.0.0.1\\u0000"]',
      '["-m","no-such-match"]',
      '["-s","nowhere/99"]',
      '["-j","REJECT"]',
      '["ip","saddr","10.0.0.1"]',
    ].map((words) =>
      after(`conditions ${words}`, `"backend":"iptables","conditionsV4":${words},${mapping(`{${good}}`)}`, [
        ...own,
        2,
      ]),
    ),
    after("a backend that there is not", `"backend":"ebtables",${mapping(`{${good}}`)}`, invalid, "ebtables"),
  ],
};

const firewallKeys: Group = {
  name: "backends, zones, chains and policies",
  plugin: "firewall",
  source: `${typed}; CNI plugins, firewall`,
  base: "",
  table: [
    ...wrongTypes("backend", "5", "[]"),
    ...wrongTypes("iptablesAdminChainName", "5", "{}"),
    ...wrongTypes("firewalldZone", "5", "true"),
    ...wrongTypes("ingressPolicy", "5", '["open"]'),
    ...wrongTypes("capabilities", '{"x":5}', '"x"'),
    ...wrongTypes("dns", '"x"', '{"nameservers":[5]}'),
    after("a policy that there is not", '"ingressPolicy":"closed"', invalid, "closed"),
    after("a policy in capitals", '"ingressPolicy":"ISOLATED"', invalid, "ISOLATED"),
    ...[
      "-j ACCEPT",
      "A B",
      "X\\n-A INPUT -j ACCEPT",
      "X\\u0000",
      "a-chain-name-that-is-much-too-long-for-it",
      "!",
    ].map((chain) =>
      after(
        `the admin chain ${chain}`,
        `"backend":"iptables","iptablesAdminChainName":"${chain}"`,
        own,
        "(?i:chain)",
      ),
    ),
    after(
      "an admin chain of a megabyte",
      `"backend":"iptables","iptablesAdminChainName":"${"A".repeat(100_000)}"`,
      own,
    ),
  ],
};

const lo: Step = {
  look: ["ip", "-j", "-d", "link", "show", "dev", "lo"],
  in: "c1",
  shows: [{ mtu: 65536, txqlen: 1000, address: "00:00:00:00:00:00", promiscuity: 0 }],
};

const setting = (key: string, to = "1") => `"sysctl":{"${key}":"${to}"}`;

const tuningKeys: Group = {
  name: "sysctls, links and paths",
  plugin: "tuning",
  source: `${typed}; CNI plugins, tuning; CNI_NETNS: only the container's settings may be changed`,
  base: "",
  ifname: "lo",
  after: [lo, { look: ["sysctl", "-n", "net.core.somaxconn"], in: "c1", shows: ["4096"] }],
  table: [
    ...wrongTypes(
      "sysctl",
      "[]",
      '"net.core.somaxconn=500"',
      '{"net.core.somaxconn":500}',
      '{"net.core.somaxconn":true}',
      '{"net.core.somaxconn":["500"]}',
    ),
    ...wrongTypes("mtu", '"1400"', "1400.5", "1e3"),
    ...wrongTypes("txQLen", '"500"', "-1.5"),
    ...wrongTypes("promisc", '"true"', "1"),
    ...wrongTypes("allmulti", '"true"', "0"),
    ...wrongTypes("mac", "5", "[]"),
    ...wrongTypes("dataDir", "5", "{}"),
    ...wrongTypes("args", '{"cni":{"mtu":"5"}}', '{"cni":{"sysctl":[]}}'),
    ...[
      "kernel.hostname",
      "vm.swappiness",
      "kernel.core_pattern",
      "fs.file-max",
      "kernel/hostname",
      "../kernel/hostname",
      "net/../kernel/hostname",
      "net.core/../../kernel/hostname",
      "net/./../vm/swappiness",
      "",
      "net",
      "net.",
      "/proc/sys/net/core/somaxconn",
      "net.core.somaxconn\\u0000",
      "net.core.not-there",
      "net.ipv4.conf.nothere.forwarding",
      "net.core.somaxconn\\n",
      "net. core.somaxconn",
      "../../etc/passwd",
    ].map((key) => after(`the sysctl ${key}`, setting(key, "x"), own)),
    ...["text", "99999999999999999999", "-5", "5\\u00006", ""].map((text) =>
      after(`net.core.somaxconn = ${text}`, setting("net.core.somaxconn", text), text === "" ? "legal" : own),
    ),
    after("a sysctl of 100,000 letters", setting(`net.${"a".repeat(100_000)}`), own),
    after("a value of a megabyte", setting("net.core.somaxconn", "1".repeat(1_000_000)), own),
    after(
      "the same sysctl twice",
      '"sysctl":{"net.core.somaxconn":"500","net.core.somaxconn":"600"}',
      value,
      "(?i:duplicate)",
    ),
    ...[
      "zz",
      "02:00:00:00:00",
      "01:00:5e:00:00:01",
      "ff:ff:ff:ff:ff:ff",
      "02:00:00:00:00:01:02",
      "02:00:00:00:00:01\\n",
    ].map((mac) => after(`the MAC address ${mac}`, `"mac":"${mac}"`, own, "(?i:mac|addr)")),
    ...["-1", "2147483648", "99999999999"].map((mtu) =>
      after(`the MTU ${mtu}`, `"mtu":${mtu}`, [...own, 6], "(?i:mtu)"),
    ),
    ...["-1", "4294967296"].map((length) =>
      after(`txQLen ${length}`, `"txQLen":${length}`, [...own, 6], "(?i:txqlen|queue)"),
    ),
    after("a data folder in /proc", `"mtu":1400,"dataDir":"/proc/x"`, own, "/proc/x"),
    after("a data folder that is a file", `"mtu":1400,"dataDir":"/etc/passwd"`, own, "/etc/passwd"),
    [
      "CNI_ARGS that are none",
      { args: "MAC=zz", ifname: "lo", prevResult: { interfaces: [] } },
      [...own, 4],
      "zz",
    ],
  ],
};

/** Results of a plugin before, as they are not; `legal` where older or newer versions have them so. */
function results(version: string, table: readonly (readonly [string, string, Broken[2]])[]): Broken[] {
  return table.map(
    ([what, result, code]): Broken => [
      `${version}: ${what}`,
      {
        stdin: `{"cniVersion":"${version}","name":"net1","type":"portmap",${mapping(`{${good}}`)},"prevResult":${result}}`,
      },
      code,
    ],
  );
}

const any = [1, 6, 7] as const;

const prevResults: Group = {
  name: "results of a plugin before that are none",
  plugin: "portmap",
  source: "SPEC 1.1.0, section 5, Success; SPEC 0.2.0 and 0.4.0, Result; section 5, Error: codes 6 and 7",
  base: "",
  table: [
    ...["5", '"result"', "[]", "true"].flatMap((wrong) =>
      results("1.1.0", [[`prevResult ${wrong}`, wrong, decoding]]),
    ),
    ...results("1.1.0", [
      ["no prevResult", "null", any],
      ["ips is an object", '{"ips":{}}', any],
      ["an address without length", '{"ips":[{"address":"10.1.0.5"}]}', any],
      ["an address that is none", '{"ips":[{"address":"x/24"}]}', any],
      ["an address that is a number", '{"ips":[{"address":5}]}', any],
      ["no address", '{"ips":[{"interface":0}]}', any],
      ["a gateway that is none", '{"ips":[{"address":"10.1.0.5/24","gateway":"x"}]}', any],
      ["an index that is a text", '{"ips":[{"address":"10.1.0.5/24","interface":"0"}]}', any],
      ["an index with a fraction", '{"ips":[{"address":"10.1.0.5/24","interface":0.5}]}', any],
      ["interfaces is a text", '{"interfaces":"eth0"}', any],
      ["an interface is a text", '{"interfaces":["eth0"]}', any],
      ["an interface's name is a number", '{"interfaces":[{"name":5}]}', any],
      ["an interface's mtu is a text", '{"interfaces":[{"name":"eth0","mtu":"1500"}]}', any],
      ["a route without a destination that is one", '{"routes":[{"dst":"default"}]}', any],
      ["routes is an object", '{"routes":{}}', any],
      ["dns is a list", '{"dns":[]}', any],
      ["name servers are a text", '{"dns":{"nameservers":"10.0.0.1"}}', any],
      ["a version that there is not", '{"cniVersion":"9.9.9"}', any],
      ["a version of another form", '{"cniVersion":"0.4.0"}', any],
      ["a version that is a number", '{"cniVersion":1.1}', any],
    ]),
    ...results("0.4.0", [
      ["a version of another form", '{"cniVersion":"1.0.0"}', any],
      ["an address that is none", '{"cniVersion":"0.4.0","ips":[{"version":"4","address":"x"}]}', any],
      ["ips is a text", '{"cniVersion":"0.4.0","ips":"10.1.0.5/24"}', any],
    ]),
    ...results("0.2.0", [
      ["a version of another form", '{"cniVersion":"0.4.0"}', any],
      ["ip4 is a text", '{"cniVersion":"0.2.0","ip4":"10.1.0.5/24"}', any],
      ["an address that is none", '{"cniVersion":"0.2.0","ip4":{"ip":"10.1.0.5"}}', any],
      ["no address", '{"cniVersion":"0.2.0","ip4":{}}', any],
      ["routes is a text", '{"cniVersion":"0.2.0","ip4":{"ip":"10.1.0.5/24","routes":"x"}}', any],
    ]),
    [
      "a megabyte of addresses, the last of them wrong",
      long(
        "portmap",
        `${mapping(`{${good}}`)},"prevResult":{"ips":[`,
        '{"address":"10.1.0.5/24"},',
        40_000,
        '{"address":"x"}]}',
      ),
      any,
    ],
  ],
};

export const chainedGroups: readonly Group[] = [portmapKeys, firewallKeys, tuningKeys, prevResults];
