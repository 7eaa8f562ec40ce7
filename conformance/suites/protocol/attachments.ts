import type { Scenario, Step } from "../../scenario/scenario.ts";
import {
  bridge,
  callOf,
  chained,
  firewall,
  forEach,
  fullResult,
  ipam,
  loopback,
  portmap,
  refused,
  type Subject,
  subjects,
  tuning,
} from "./subjects.ts";

const attachments = (...list: string[]) => ({
  "cni.dev/valid-attachments": list.map((one) => {
    const [containerID, ifname] = one.split("/");
    return { containerID, ifname };
  }),
});

/** What takes away behind a plugin's back what its ADD has made. */
const breakage: [subject: Subject, broken: Step][] = [
  [loopback, { run: ["ip", "link", "set", "lo", "down"], in: "c1" }],
  [bridge, { run: ["ip", "link", "del", "eth0"], in: "c1" }],
  [ipam, { run: ["rm", "/var/lib/cni/networks/net1/10.1.0.2"] }],
  [portmap, { run: ["iptables", "-t", "nat", "-F"] }],
  [firewall, { run: ["iptables", "-F"] }],
  [tuning, { run: ["sysctl", "-w", "net.ipv4.conf.default.log_martians=0"], in: "c1" }],
];

/** ADD, CHECK, DEL, GC and STATUS of an attachment, whatever the plugin does for it. */
export const lifeOfAttachments: readonly Scenario[] = [
  ...forEach(subjects, (subject) => ({
    name: "adds, checks, deletes, and deletes again",
    source:
      "SPEC 1.1.0, section 2, ADD, CHECK, DEL; section 5, Success: a result of the configuration's version",
    versions: "all",
    steps: [
      callOf(subject, "ADD"),
      callOf(subject, "CHECK"),
      callOf(subject, "CHECK", { what: "again" }),
      callOf(subject, "DEL"),
      callOf(subject, "DEL", { what: "again" }),
      callOf(subject, "DEL", { what: "again, without the result", prevResult: "none", netns: null }),
      { unchanged: true, except: "furniture" },
    ],
  })),
  ...forEach(subjects, (subject) => ({
    name: "deletes what was never added",
    source:
      "SPEC 1.1.0, section 2, DEL: plugins should generally complete without error if some resources are missing",
    steps: [
      callOf(subject, "DEL"),
      callOf(subject, "DEL", { netns: null, what: "without a namespace" }),
      callOf(subject, "DEL", { netns: "", what: "with an empty namespace" }),
      callOf(subject, "DEL", { netns: "/run/netns/gone", what: "with a namespace that is gone" }),
      callOf(subject, "DEL", { config: { prevResult: {} }, what: "with an empty result" }),
      { unchanged: true, except: "furniture" },
    ],
  })),
  ...forEach(subjects, (subject) => ({
    name: "deletes everything without namespace and without result",
    source:
      "SPEC 1.1.0, section 2, DEL: CNI_NETNS and prevResult are optional, as much as possible is cleaned up",
    steps: [
      callOf(subject, "ADD"),
      { run: ["ip", "netns", "del", "c1"] },
      callOf(subject, "DEL", { netns: null, prevResult: "none" }),
      callOf(subject, "DEL", { netns: "/run/netns/c1", prevResult: "none" }),
      { unchanged: true, except: "furniture" },
    ],
  })),
  ...forEach(
    subjects.filter(({ plugin }) => plugin !== "loopback" && plugin !== "tuning"),
    (subject) => ({
      name: "keeps attachments apart by container and interface",
      source: "SPEC 1.1.0, section 2, ADD: an attachment is one of a network, container and interface name",
      containers: ["c1", "c2"],
      steps: [
        callOf(subject, "ADD"),
        { mark: true },
        callOf(subject, "ADD", { container: "c2", ...second(subject, "10.1.0.25/24", 8082) }),
        callOf(subject, "CHECK"),
        callOf(subject, "CHECK", { container: "c2", ...portOf(subject, 8082) }),
        callOf(subject, "DEL", { container: "c2", ...portOf(subject, 8082) }),
        callOf(subject, "CHECK"),
        { unchanged: true, except: "furniture" },
        // Rules of portmap are a container's, whatever interface it is called for.
        ...(subject.plugin === "portmap" ? [] : anotherInterface(subject)),
        callOf(subject, "DEL"),
      ],
    }),
  ),
  ...breakage.flatMap(([subject, broken]) =>
    forEach([subject], () => ({
      name: "notices by CHECK that what it made is gone",
      source: "SPEC 1.1.0, section 2, CHECK: an error if a resource that the plugin created is missing",
      steps: [
        callOf(subject, "ADD"),
        callOf(subject, "CHECK"),
        broken,
        { mark: true },
        callOf(subject, "CHECK", { expect: { error: {} } }),
        { unchanged: true },
        callOf(subject, "DEL"),
      ],
    })),
  ),
  ...forEach(
    subjects.filter(({ plugin }) => plugin !== "host-local" && plugin !== "loopback"),
    (subject) => ({
      name: "needs the result for CHECK",
      source: "SPEC 1.1.0, section 2, CHECK: prevResult is required",
      steps: [
        callOf(subject, "ADD"),
        callOf(subject, "CHECK", { prevResult: "none", ...refused([7, 6], "prevResult") }),
        callOf(subject, "DEL"),
      ],
    }),
  ),
  ...forEach(chained, (subject) => ({
    name: "refuses to be the first of a list",
    source: "SPEC 1.1.0, section 2, Overview: chained plugins adjust what was made before them",
    steps: [
      { call: "ADD", config: subject.config, ...refused(7, "(?i:prevResult|chained)") },
      { unchanged: true },
    ],
  })),
  ...forEach([loopback, ...chained], (subject) => ({
    name: "hands on the result of the plugins before it unchanged",
    source:
      "SPEC 1.1.0, section 2, ADD: a chained plugin must output the given prevResult, with its own changes",
    versions: "all",
    steps: [
      callOf(subject, "ADD", {
        prevResult: fullResult,
        expect: { result: JSON.parse(JSON.stringify(fullResult)) },
      }),
      callOf(subject, "DEL"),
    ],
  })),
  ...forEach(subjects, (subject) => ({
    name: "collects what no runtime knows any more, and nothing else",
    source: "SPEC 1.1.0, section 2, GC; section 1: cni.dev/valid-attachments",
    containers: ["c1", "c2"],
    steps: [
      callOf(subject, "ADD"),
      { mark: true },
      callOf(subject, "ADD", { container: "c2", ...second(subject, "10.1.0.25/24", 8082) }),
      callOf(subject, "GC", { what: "without a list" }),
      callOf(subject, "CHECK"),
      callOf(subject, "CHECK", { container: "c2", ...portOf(subject, 8082) }),
      callOf(subject, "GC", { config: attachments("c1/eth0", "c2/eth0"), what: "all are known" }),
      callOf(subject, "CHECK"),
      callOf(subject, "CHECK", { container: "c2", ...portOf(subject, 8082) }),
      callOf(subject, "GC", { config: { name: "net2", ...attachments() }, what: "another network" }),
      callOf(subject, "CHECK"),
      { run: ["ip", "netns", "del", "c2"] },
      callOf(subject, "GC", {
        // portmap's rules are a container's, whatever interface it was called for.
        config: attachments("c1/eth0", subject.plugin === "portmap" ? "c3/eth0" : "c2/eth1"),
        what: "not that of c2",
      }),
      callOf(subject, "CHECK"),
      { unchanged: true, except: "furniture" },
      callOf(subject, "GC", { config: attachments("c1/eth0"), what: "again" }),
      callOf(subject, "CHECK"),
      { unchanged: true, except: "furniture" },
      callOf(subject, "DEL", { container: "c2", netns: null, prevResult: "none" }),
      callOf(subject, "DEL"),
    ],
  })),
  ...forEach(subjects, (subject) => ({
    name: "refuses a list of attachments that is none, and collects nothing then",
    source: "SPEC 1.1.0, section 2, GC; section 5, Error: code 6",
    steps: [
      callOf(subject, "ADD"),
      { mark: true },
      {
        each: [{}, "c1", 5, [5], ["c1"], [{ containerID: 5, ifname: "eth0" }]].map((list) =>
          callOf(subject, "GC", {
            what: JSON.stringify(list),
            config: { "cni.dev/valid-attachments": list },
            ...refused([6, 7], "attachments"),
          }),
        ),
      },
      { unchanged: true },
      callOf(subject, "DEL"),
    ],
  })),
  ...forEach(subjects, (subject) => ({
    name: "is ready, and says so by saying nothing",
    source: "SPEC 1.1.0, section 2, STATUS: exit status 0 and no output when ADD would work",
    steps: [
      callOf(subject, "STATUS"),
      { unchanged: true },
      callOf(subject, "ADD"),
      { mark: true },
      callOf(subject, "STATUS"),
      { unchanged: true },
      callOf(subject, "DEL"),
    ],
  })),
  {
    name: "bridge is not ready when its IPAM plugin is not there",
    plugin: "bridge",
    source: "SPEC 1.1.0, section 2, STATUS: an error when ADD would not work; a delegate's STATUS counts",
    steps: [
      callOf(bridge, "STATUS", {
        config: { ipam: { type: "not-there" } },
        expect: { error: { names: "not-there" } },
      }),
      { unchanged: true },
    ],
  },
  ...forEach([bridge], (subject) => ({
    name: "refuses an interface name that is taken",
    source: "SPEC 1.1.0, section 2, ADD: an error when an interface of the requested name exists already",
    steps: [
      { run: ["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1"], in: "c1" },
      callOf(subject, "ADD", { expect: { error: { names: "eth0" } } }),
      { unchanged: true, except: "furniture" },
      { look: ["ip", "-j", "link", "show", "dev", "eth0"], in: "c1", shows: [{ link: "eth1" }] },
    ],
  })),
];

function anotherInterface(subject: Subject): Step[] {
  return [
    callOf(subject, "ADD", { ifname: "eth1", ...second(subject, "10.1.0.15/24", 8081) }),
    callOf(subject, "CHECK"),
    callOf(subject, "CHECK", { ifname: "eth1" }),
    callOf(subject, "DEL", { ifname: "eth1" }),
    callOf(subject, "CHECK"),
    { unchanged: true, except: "furniture" },
  ];
}

/** Another attachment: of another address for chained plugins, with a port of its own. */
function second(subject: Subject, address: string, hostPort: number) {
  if (subject.before === undefined) return {};
  return { prevResult: { ...fullResult, ips: [{ address, interface: 2 }] }, ...portOf(subject, hostPort) };
}

function portOf({ plugin }: Subject, hostPort: number) {
  if (plugin !== "portmap") return {};
  return { config: { runtimeConfig: { portMappings: [{ hostPort, containerPort: 80, protocol: "tcp" }] } } };
}
