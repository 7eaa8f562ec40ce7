import type { Command } from "../../harness/plugins/plugin-call.ts";
import type { CallStep } from "../../scenario/call-step.ts";
import type { Pattern } from "../../scenario/match.ts";
import type { Scenario, Step } from "../../scenario/scenario.ts";
import { refused } from "./subjects.ts";

const folder = "/run/ipam";
const path = `/run/not-there:${folder}:\${bin}`;

const config = {
  bridge: "br0",
  ipam: { type: "witness", anything: ["of its own"] },
  runtimeConfig: { ips: ["10.5.0.9/16"], mac: "02:00:00:00:00:09" },
};

const answer = {
  cniVersion: "1.1.0",
  ips: [
    { address: "10.5.0.9/16", gateway: "10.5.0.1" },
    { address: "fd00:5::9/64", gateway: "fd00:5::1" },
  ],
  routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0", gw: "fd00:5::1" }],
  dns: { nameservers: ["10.5.0.1"], domain: "example.net", search: ["a.example"], options: ["ndots:2"] },
};

/** An IPAM plugin that notes what it is given, and answers a command as told (default for ADD: an address). */
function witness(answers: Partial<Record<Command, string>> = {}, at = folder): Step {
  const cases = Object.entries({ ADD: printing(answer), ...answers }).map(
    ([command, script]) => `  ${command})\n${script}\n  ;;`,
  );
  const script = [
    "#!/bin/sh",
    `echo "$CNI_COMMAND" >>${folder}/commands`,
    `env >"${folder}/environment-$CNI_COMMAND"`,
    `cat >"${folder}/config-$CNI_COMMAND"`,
    'case "$CNI_COMMAND" in',
    ...cases,
    "esac",
    "",
  ];
  return { write: `${at}/witness`, content: script.join("\n"), mode: 0o755 };
}

function printing(value: unknown, status = 0): string {
  return `cat <<'END'\n${JSON.stringify(value)}\nEND\nexit ${status}`;
}

const failing = (code: number, msg: string) => printing({ cniVersion: "1.1.0", code, msg }, 1);

const call = (command: Command, more: Partial<CallStep> = {}): CallStep => ({
  call: command,
  config,
  path,
  ...more,
});

const saw = (...commands: string[]): Step => ({
  file: `${folder}/commands`,
  is: commands.map((command) => `${command}\n`).join(""),
});

const given = (command: Command, ...patterns: string[]): Step[] =>
  patterns.map((pattern) => ({
    file: `${folder}/environment-${command}`,
    is: { $match: `(?m:^${pattern}$)` },
  }));

/** What the delegate found on standard input: the whole configuration of the network. */
const wholeConfig = (command: Command): Step => ({
  look: ["cat", `${folder}/config-${command}`],
  shows: { cniVersion: "${version}", name: "net1", type: "bridge", ...config } satisfies Record<
    string,
    unknown
  > as Pattern,
});

const plain = { plugin: "bridge" } as const;

/** What a plugin owes the IPAM plugin that it calls. */
export const delegation: readonly Scenario[] = [
  {
    ...plain,
    name: "the delegate has the caller's environment and configuration, in every command",
    source: "SPEC 1.1.0, section 4: the delegate is executed with the same environment and standard input",
    versions: ["0.4.0", "1.1.0"],
    steps: [
      witness(),
      call("ADD", { args: "IgnoreUnknown=1;POD=web", env: { PASSED_ON: "yes" } }),
      ...given("ADD", "CNI_COMMAND=ADD", "CNI_CONTAINERID=c1", "CNI_NETNS=/run/netns/c1", "CNI_IFNAME=eth0"),
      ...given(
        "ADD",
        "CNI_ARGS=IgnoreUnknown=1;POD=web",
        "PASSED_ON=yes",
        "CNI_PATH=/run/not-there:/run/ipam:.*",
      ),
      wholeConfig("ADD"),
      call("CHECK"),
      ...given(
        "CHECK",
        "CNI_COMMAND=CHECK",
        "CNI_CONTAINERID=c1",
        "CNI_NETNS=/run/netns/c1",
        "CNI_IFNAME=eth0",
      ),
      wholeConfig("CHECK"),
      { look: ["cat", `${folder}/config-CHECK`], shows: { prevResult: { cniVersion: "${version}" } } },
      call("DEL"),
      ...given("DEL", "CNI_COMMAND=DEL", "CNI_CONTAINERID=c1", "CNI_NETNS=/run/netns/c1", "CNI_IFNAME=eth0"),
      wholeConfig("DEL"),
      saw("ADD", "CHECK", "DEL"),
    ],
  },
  {
    ...plain,
    name: "the delegate's addresses, routes and DNS are in the result, with the interface they belong to",
    source: "SPEC 1.1.0, section 4; section 5, Delegated plugins (IPAM)",
    versions: "all",
    steps: [
      witness({
        ADD: `case $(cat ${folder}/config-ADD) in *'"cniVersion":"1.'*) ;; *) exec cat ${folder}/older ;; esac\n${printing(answer)}`,
      }),
      { write: `${folder}/older`, content: older("0.2.0"), onlyIn: { to: "0.2.0" } } as Step,
      { write: `${folder}/older`, content: older("0.4.0"), onlyIn: { from: "0.3.0", to: "0.4.0" } } as Step,
      call("ADD", {
        expect: {
          result: {
            interfaces: [
              { name: "br0" },
              { name: { $match: "^veth" } },
              { name: "eth0", sandbox: "/run/netns/c1" },
            ],
            ips: [
              { address: "10.5.0.9/16", gateway: "10.5.0.1", interface: 2 },
              { address: "fd00:5::9/64", gateway: "fd00:5::1", interface: 2 },
            ],
            routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0", gw: "fd00:5::1" }],
            dns: answer.dns,
          },
        },
      }),
      call("DEL"),
    ],
  },
  {
    ...plain,
    name: "a delegate may answer in an older version of the same configuration",
    source: "SPEC 1.1.0, section 5: a result says its version",
    steps: [
      witness({ ADD: printing({ ...answer, cniVersion: "1.0.0" }) }),
      call("ADD", {
        expect: { result: { ips: [{ address: "10.5.0.9/16", interface: 2 }, { interface: 2 }] } },
      }),
      call("DEL"),
      witness({ ADD: printing(JSON.parse(older("0.4.0"))) }),
      call("ADD", {
        expect: { result: { ips: [{ address: "10.5.0.9/16", interface: 2 }, { interface: 2 }] } },
      }),
      call("DEL"),
    ],
  },
  {
    ...plain,
    name: "the delegate's error is passed on, and nothing stays",
    source: "SPEC 1.1.0, section 4: an error of the delegate is returned; section 5, Error",
    steps: [
      witness({
        ADD: failing(123, "no address for you"),
        CHECK: failing(11, "later"),
        STATUS: failing(51, "limited"),
      }),
      call("ADD", refused(123, "no address for you")),
      { unchanged: true, except: "furniture" },
      { look: ["ip", "-j", "link"], in: "c1", shows: [{ ifname: "lo" }] },
      call("STATUS", refused(51, "limited")),
      witness({ CHECK: failing(11, "later"), STATUS: failing(50, "not yet"), DEL: failing(124, "will not") }),
      call("STATUS", refused(50, "not yet")),
      call("ADD"),
      call("CHECK", refused(11, "later")),
      call("DEL", refused(124, "will not")),
      witness(),
      call("STATUS"),
      call("CHECK", { expect: { either: true } }),
      call("DEL"),
      { unchanged: true, except: "furniture" },
    ],
  },
  ...(
    [
      ["gives no address", { cniVersion: "1.1.0" }],
      [
        "gives an address of which the kernel can make nothing",
        { ...answer, ips: [{ address: "224.0.0.1/4" }], routes: [{ dst: "10.99.0.0/16", gw: "10.98.0.1" }] },
      ],
    ] as const
  ).map(
    ([what, result]): Scenario => ({
      ...plain,
      name: `the delegate is asked to delete when it ${what}`,
      source: "SPEC 1.1.0, section 2, ADD: a plugin that fails cleans up; section 4",
      steps: [
        witness({ ADD: printing(result) }),
        call("ADD", { expect: { error: {} } }),
        saw("ADD", "DEL"),
        { unchanged: true, except: "furniture" },
        { look: ["ip", "-j", "link"], in: "c1", shows: [{ ifname: "lo" }] },
      ],
    }),
  ),
  {
    ...plain,
    name: "DEL reaches the delegate also without namespace and result",
    source: "SPEC 1.1.0, section 4: DEL is delegated; section 2, DEL",
    steps: [
      witness(),
      call("DEL", { netns: null, prevResult: "none" }),
      call("DEL", { netns: "/run/netns/gone" }),
      saw("DEL", "DEL"),
      { unchanged: true },
    ],
  },
  {
    ...plain,
    name: "GC and STATUS reach the delegate",
    source: "SPEC 1.1.0, section 2, GC: plugins forward it to delegates; section 4",
    steps: [
      witness(),
      call("STATUS"),
      call("GC", {
        config: { ...config, "cni.dev/valid-attachments": [{ containerID: "c1", ifname: "eth0" }] },
      }),
      saw("STATUS", "GC"),
      ...given("GC", "CNI_COMMAND=GC"),
      {
        look: ["cat", `${folder}/config-GC`],
        shows: { "cni.dev/valid-attachments": [{ containerID: "c1", ifname: "eth0" }] },
      },
      witness({ GC: failing(125, "cannot collect") }),
      call("GC", {
        config: { ...config, "cni.dev/valid-attachments": [] },
        ...refused(125, "cannot collect"),
      }),
    ],
  },
  {
    ...plain,
    name: "the delegate is looked for in CNI_PATH, first folder first",
    source: "SPEC 1.1.0, section 2, Parameters, CNI_PATH; section 4",
    steps: [
      witness({ ADD: printing({ ...answer, ips: [{ address: "10.5.0.8/16" }], routes: [] }) }, "/run/ipam-a"),
      witness(),
      { run: ["mkdir", "-p", "/run/ipam-b/witness"] },
      call("ADD", {
        path: `/run/ipam-b:/run/ipam-a:${folder}`,
        expect: { result: { ips: [{ address: "10.5.0.8/16" }] } },
      }),
      call("DEL", { path: `/run/ipam-b:${folder}` }),
      call("ADD", { path: "/run/ipam-b:${bin}", ...refused([7, 100, 101, 999], "witness.*/run/ipam-b") }),
      call("ADD", {
        path: folder,
        config: { ...config, ipam: { type: "../ipam/witness" } },
        expect: { error: { names: "witness" } },
      }),
      call("ADD", {
        path: folder,
        config: { ...config, ipam: { type: "/run/ipam/witness" } },
        expect: { error: { names: "witness" } },
      }),
      { unchanged: true, except: "furniture" },
    ],
  },
  {
    ...plain,
    name: "a delegate's noise on standard error does not get into the result",
    source: "SPEC 1.1.0, section 2, Overview: the result goes to standard output, logs to standard error",
    steps: [
      witness({ ADD: `echo noise >&2\n${printing(answer)}`, DEL: "echo noise >&2; echo noise" }),
      call("ADD", { expect: { result: { ips: [{ address: "10.5.0.9/16" }, {}] } } }),
      call("DEL"),
    ],
  },
  {
    ...plain,
    name: "a delegate that fails without an error object is an error with a cause",
    source: "SPEC 1.1.0, section 5, Error",
    steps: [
      {
        each: (
          [
            ["nothing", "exit 0", "JSON|json"],
            ["no JSON", "echo hello", "hello|invalid character|JSON"],
            ["a list", "echo '[]'", "result"],
            [
              "an address that is none",
              printing({ cniVersion: "1.1.0", ips: [{ address: "10.5.0.9" }] }),
              "10\\.5\\.0\\.9",
            ],
            ["a version that there is not", printing({ ...answer, cniVersion: "9.9.9" }), "9\\.9\\.9"],
            ["only a status", "exit 7", "7"],
            ["only a signal", "kill -9 $$", "(?i:kill)"],
            ["a text and a status", "echo broken >&2; exit 3", "broken"],
          ] as const
        ).flatMap(([what, script, names]): Step[] => [
          witness({ ADD: script }),
          call("ADD", { what: `it gives ${what}`, expect: { error: { names } } }),
        ]),
      },
      { unchanged: true, except: "furniture" },
      { look: ["ip", "-j", "link"], in: "c1", shows: [{ ifname: "lo" }] },
    ],
  },
  {
    name: "an IPAM plugin returns no interfaces",
    plugin: "host-local",
    source: "SPEC 1.1.0, section 5, Delegated plugins (IPAM): interfaces and ips[].interface are omitted",
    versions: "all",
    steps: [
      {
        call: "ADD",
        config: {
          ipam: {
            type: "host-local",
            ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd00:1::/64" }]],
            routes: [{ dst: "0.0.0.0/0" }, { dst: "10.9.0.0/16", gw: "10.1.0.9" }, { dst: "::/0" }],
          },
        },
        expect: {
          result: {
            ips: [
              { address: "10.1.0.2/24", gateway: "10.1.0.1", interface: { $absent: true } },
              { address: "fd00:1::2/64", gateway: "fd00:1::1", interface: { $absent: true } },
            ],
            routes: [{ dst: "0.0.0.0/0" }, { dst: "10.9.0.0/16", gw: "10.1.0.9" }, { dst: "::/0" }],
          },
        },
      },
    ],
  },
  {
    name: "capabilities reach the plugin and its delegate as runtimeConfig",
    plugin: "bridge",
    source: "SPEC 1.1.0, section 3, Deriving runtimeConfig; CONVENTIONS, Dynamic plugin specific fields",
    steps: [
      {
        chain: "ADD",
        plugins: [
          {
            type: "bridge",
            bridge: "br0",
            capabilities: { mac: true, ips: true, ipRanges: true },
            ipam: { type: "host-local" },
          },
        ],
        capabilityArgs: {
          mac: "02:00:00:00:00:77",
          ips: ["10.7.0.77/24"],
          ipRanges: [[{ subnet: "10.7.0.0/24" }]],
          unknown: { x: 1 },
        },
        expect: {
          result: {
            interfaces: [{}, {}, { name: "eth0", mac: "02:00:00:00:00:77" }],
            ips: [{ address: "10.7.0.77/24", interface: 2 }],
          },
        },
      },
      {
        look: ["ip", "-j", "link", "show", "dev", "eth0"],
        in: "c1",
        shows: [{ address: "02:00:00:00:00:77" }],
      },
    ],
  },
];

function older(version: "0.2.0" | "0.4.0"): string {
  const { routes, dns } = answer;
  const [four, six] = answer.ips;
  if (version === "0.4.0") {
    return JSON.stringify({
      ...answer,
      cniVersion: version,
      ips: [
        { version: "4", ...four },
        { version: "6", ...six },
      ],
    });
  }
  return JSON.stringify({
    cniVersion: version,
    ip4: { ip: four?.address, gateway: four?.gateway, routes: routes.slice(0, 1) },
    ip6: { ip: six?.address, gateway: six?.gateway, routes: routes.slice(1) },
    dns,
  });
}
