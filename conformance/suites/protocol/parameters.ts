import type { CallStep } from "../../scenario/call-step.ts";
import type { Scenario } from "../../scenario/scenario.ts";
import {
  bridge,
  callOf,
  firewall,
  forEach,
  ipam,
  loopback,
  portmap,
  refused,
  type Subject,
  subjects,
  tuning,
} from "./subjects.ts";

const source = "SPEC 1.1.0, section 2, Parameters";

const badIds = ["a/b", "../c1", "-c1", ".c1", "_c1", "a b", "c1\n", "ä", "c1;ls", "a:b"];
const goodIds = ["c", "0", "A_b.c-9", "f".repeat(64), "a".repeat(240)];
const badIfnames = ["a".repeat(16), "äääääääää", ".", "..", "a/b", "../eth0", "a:b", "a b", "a\tb", "eth0\n"];

const badNamespaces = ["/run/netns/gone", "/etc/passwd", "/", "/dev/null", "relative"];

/** What every call needs in its environment, and what is refused there. */
export const parameters: readonly Scenario[] = [
  ...forEach(subjects, (subject) => ({
    name: "names the required parameters that are missing",
    source: `${source}; section 2, ADD, CHECK, DEL: required environment parameters; section 5, Error: code 4`,
    steps: [{ each: missing(subject) }, { unchanged: true, except: "furniture" }],
  })),
  ...forEach(subjects, (subject) => ({
    name: "refuses container IDs and interface names that break the rules",
    source: `${source}, CNI_CONTAINERID and CNI_IFNAME`,
    steps: [
      {
        each: [
          ...badIds.flatMap((id) =>
            (["ADD", "DEL"] as const).map((command) =>
              callOf(subject, command, {
                id,
                what: `ID ${JSON.stringify(id)}`,
                ...refused(4, "(?i:container ?id)"),
              }),
            ),
          ),
          ...badIfnames.map((ifname) =>
            callOf(subject, "ADD", {
              ifname,
              what: `interface ${JSON.stringify(ifname)}`,
              ...refused(4, "(?i:interface|ifname)"),
            }),
          ),
        ],
      },
      { unchanged: true },
    ],
  })),
  ...forEach(subjects, (subject) => ({
    name: "takes every container ID and interface name that the rules allow",
    source: `${source}, CNI_CONTAINERID and CNI_IFNAME; section 2, DEL: what is not there is no error`,
    steps: [
      {
        each: [
          ...goodIds.map((id) => callOf(subject, "DEL", { id, what: `ID ${id.slice(0, 20)}` })),
          ...["a".repeat(15), "eth0.100", "ä", "-", "a@b", "$(x)"].map((ifname) =>
            callOf(subject, "DEL", { ifname, what: `interface ${ifname}` }),
          ),
        ],
      },
      { unchanged: true, except: "furniture" },
    ],
  })),
  ...forEach(subjects, (subject) => ({
    name: "refuses a command that there is not",
    source: `${source}, CNI_COMMAND: one of ADD, DEL, CHECK, GC, STATUS, VERSION`,
    steps: [
      {
        each: ["FOO", "add", "ADD ", "ADD,DEL", "version"].map((command) =>
          callOf(subject, "ADD", { command, what: JSON.stringify(command), ...refused(4, "CNI_COMMAND") }),
        ),
      },
      { unchanged: true },
    ],
  })),
  ...forEach(subjects, (subject) => ({
    name: "looks at no parameter that the command does not have",
    source: "SPEC 1.1.0, section 2, STATUS and GC: environment parameters",
    steps: [
      {
        each: (["STATUS", "GC"] as const).flatMap((command) => [
          callOf(subject, command, { config: { "cni.dev/valid-attachments": [] } }),
          callOf(subject, command, {
            what: "with other parameters in its environment",
            id: "-",
            ifname: "a/b",
            netns: "/nope",
            config: { "cni.dev/valid-attachments": [] },
          }),
        ]),
      },
      { unchanged: true },
    ],
  })),
  ...forEach(subjects, (subject) => ({
    name: "lets pass what a runtime tells in CNI_ARGS and args",
    source: `${source}, CNI_ARGS; CONVENTIONS, CNI_ARGS and args: what a plugin does not understand is ignored`,
    steps: [
      callOf(subject, "ADD", {
        args: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=abc",
        config: { args: { labels: { app: "web" }, cni: { labels: [{ key: "a", value: "b" }] } } },
      }),
      callOf(subject, "DEL", { args: "IgnoreUnknown=1;K8S_POD_NAME=web-0" }),
    ],
  })),
  ...forEach([loopback, bridge, tuning], (subject) => ({
    name: "needs a namespace that is one, for ADD and CHECK",
    source: `${source}, CNI_NETNS: a path to the network namespace; section 2, ADD and CHECK`,
    steps: [
      { each: badNamespaces.map((netns) => inNamespace(subject, "ADD", netns)) },
      { unchanged: true, except: "furniture" },
      callOf(subject, "ADD"),
      { mark: true },
      { each: badNamespaces.map((netns) => inNamespace(subject, "CHECK", netns)) },
      { unchanged: true },
      callOf(subject, "DEL"),
    ],
  })),
  // These work on the host alone.
  ...forEach([ipam, portmap, firewall], (subject) => ({
    name: "deletes what it made on the host when the namespace is gone",
    source: `${source}, CNI_NETNS; section 2, DEL: what is missing is no error`,
    steps: [
      callOf(subject, "ADD"),
      { run: ["ip", "netns", "del", "c1"] },
      callOf(subject, "DEL", { netns: "/run/netns/c1" }),
      { unchanged: true, except: "furniture" },
    ],
  })),
];

function inNamespace(subject: Subject, command: "ADD" | "CHECK", netns: string): CallStep {
  return callOf(subject, command, { netns, what: netns, expect: { error: { names: netns } } });
}

function missing(subject: Subject): CallStep[] {
  const without = (call: "ADD" | "CHECK" | "DEL", key: "id" | "netns" | "ifname", variable: string) => [
    callOf(subject, call, { [key]: null, what: `no ${variable}`, ...refused(4, variable) }),
    callOf(subject, call, { [key]: "", what: `empty ${variable}`, ...refused(4, variable) }),
  ];
  return [
    ...(["ADD", "CHECK", "DEL"] as const).flatMap((command) => [
      ...without(command, "id", "CNI_CONTAINERID"),
      ...without(command, "ifname", "CNI_IFNAME"),
      ...(command === "DEL" ? [] : without(command, "netns", "CNI_NETNS")),
    ]),
    callOf(subject, "ADD", {
      id: null,
      ifname: null,
      netns: null,
      what: "three at once",
      ...refused(4, "CNI_CONTAINERID.*CNI_NETNS.*CNI_IFNAME"),
    }),
    callOf(subject, "DEL", { netns: null, what: "no CNI_NETNS, which DEL can do without" }),
  ];
}
