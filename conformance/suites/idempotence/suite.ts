import type { JsonObject } from "../../harness/host/json.ts";
import type { CallStep } from "../../scenario/call-step.ts";
import type { ChainStep, Need, Scenario, Step, Suite } from "../../scenario/scenario.ts";

/** One plugin, or a list of them: how it is called, and what may be different in a later configuration. */
type Subject = {
  name: string;
  plugin: string;
  needs?: readonly Need[];
  call(command: CallStep["call"] & ChainStep["chain"], more?: More): Step;
  /** What another plugin has to make first. */
  before?(container: string): Step[];
  /** Whether a second ADD is refused, as interfaces and addresses are already there, or finds all as it should be. */
  again: "refused" | "the same";
  /** The same with another configuration, as when an administrator edited it. */
  changed: Subject["call"];
};

/** What calls differ in; a list's configuration is added to that of each plugin. */
type More = Pick<CallStep, "container" | "netns" | "prevResult" | "config" | "expect">;

const empty = { "cni.dev/valid-attachments": [] };

/** A plugin by itself. `given` is the result of the plugins before it. */
function single(
  plugin: string,
  config: JsonObject,
  { given, ifname = "eth0" }: { given?: (container: string) => JsonObject; ifname?: string } = {},
): Subject["call"] {
  return (call, { config: more = {}, ...rest } = {}) => ({
    call,
    plugin,
    ...(call !== "GC" && call !== "STATUS" && { ifname }),
    config: { ...config, ...more },
    ...(call === "ADD" && given !== undefined && { prevResult: given(rest.container ?? "c1") }),
    ...rest,
  });
}

/** A list of plugins, with the runtime's port mappings. */
function list(plugins: JsonObject[], portMappings: JsonObject[]): Subject["call"] {
  return (chain, { container, netns, config, prevResult }: More = {}) => ({
    chain,
    plugins,
    capabilityArgs: { portMappings },
    ...(container !== undefined && { container }),
    ...(typeof netns === "string" && { netns }),
    ...(config !== undefined && { config }),
    ...(prevResult === "none" && { prevResult }),
  });
}

const attachedMac = "02:00:00:00:00:01";

/** The result of a bridge's ADD. */
const attached = (container: string): JsonObject => ({
  interfaces: [{ name: "eth0", mac: attachedMac, sandbox: `/run/netns/${container}` }],
  ips: [
    { address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 0 },
    { address: "fd00:1::2/64", gateway: "fd00:1::1", interface: 0 },
  ],
});
const withLink = (container: string): Step[] => [
  {
    run: ["ip", "link", "add", "eth0", "address", attachedMac, "type", "veth", "peer", "name", "peer0"],
    in: container,
  },
];
const ranges = [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd00:1::/64" }]];
const otherRanges = [[{ subnet: "10.7.0.0/24" }]];
const bridge = { bridge: "br0", isGateway: true, ipMasq: true, ipam: { type: "host-local", ranges } };
const otherBridge = {
  bridge: "br0",
  mtu: 1400,
  ipMasq: true,
  ipam: { type: "host-local", ranges: otherRanges },
};
const ports = [
  { hostPort: 8080, containerPort: 80, protocol: "tcp" },
  { hostPort: 8053, containerPort: 53, protocol: "udp" },
];
const otherPorts = [{ hostPort: 9090, containerPort: 90, protocol: "tcp" }];
const settings = { mtu: 1400, promisc: true, sysctl: { "net.core.somaxconn": "500" } };

const subjects: Subject[] = [
  {
    name: "loopback",
    plugin: "loopback",
    call: single("loopback", {}, { ifname: "lo" }),
    again: "the same",
    changed: single("loopback", { name: "net1", unknown: true }, { ifname: "lo" }),
  },
  {
    name: "host-local",
    plugin: "host-local",
    call: single("host-local", { ipam: { type: "host-local", ranges } }),
    again: "refused",
    changed: single("host-local", { ipam: { type: "host-local", ranges: otherRanges } }),
  },
  {
    name: "bridge",
    plugin: "bridge",
    needs: ["iptables"],
    call: single("bridge", bridge),
    again: "refused",
    changed: single("bridge", otherBridge),
  },
  {
    name: "tuning",
    plugin: "tuning",
    before: withLink,
    call: single("tuning", settings, { given: attached }),
    again: "the same",
    changed: single("tuning", { txQLen: 5, sysctl: {} }, { given: attached }),
  },
  {
    name: "portmap",
    plugin: "portmap",
    needs: ["iptables"],
    call: single(
      "portmap",
      { backend: "iptables", runtimeConfig: { portMappings: ports } },
      { given: attached },
    ),
    again: "the same",
    changed: single(
      "portmap",
      { backend: "iptables", snat: false, runtimeConfig: { portMappings: otherPorts } },
      { given: attached },
    ),
  },
  {
    name: "firewall",
    plugin: "firewall",
    needs: ["iptables"],
    call: single("firewall", { backend: "iptables" }, { given: attached }),
    again: "the same",
    changed: single("firewall", { backend: "iptables", ingressPolicy: "open" }, { given: attached }),
  },
  {
    name: "a list of all",
    plugin: "bridge",
    needs: ["iptables"],
    call: list(
      [
        { type: "bridge", ...bridge },
        { type: "tuning", ...settings },
        { type: "firewall", backend: "iptables" },
        { type: "portmap", backend: "iptables", capabilities: { portMappings: true } },
      ],
      ports,
    ),
    again: "refused",
    changed: list(
      [
        { type: "bridge", ...otherBridge },
        { type: "tuning", txQLen: 5 },
        { type: "firewall", backend: "iptables" },
        { type: "portmap", backend: "iptables", snat: false, capabilities: { portMappings: true } },
      ],
      otherPorts,
    ),
  },
];

// In a list, the versions are those of firewall, which has none before 0.4.0.
const scenarios = subjects.flatMap(
  ({ name, plugin, needs = [], call, changed, again, before = () => [] }): Scenario[] => {
    const common = { plugin, needs };
    const isList = "chain" in call("ADD");
    const noVeth: Step = {
      look: ["ip", "-j", "link", "show", "type", "veth"],
      shows: [],
      withinSeconds: 120,
    };
    return [
      {
        ...common,
        name: `${name}: a second ADD is ${again === "refused" ? "refused, and changes nothing" : "the same as one"}`,
        source: "SPEC section 2, ADD: not twice without a DEL between; interfaces that exist are an error",
        steps: [
          ...before("c1"),
          call("ADD"),
          { mark: true },
          // In a list, a runtime calls the others only when the first has succeeded.
          isList
            ? { call: "ADD", plugin: "bridge", config: bridge, expect: { error: {} } }
            : call("ADD", again === "refused" ? { expect: { error: {} } } : {}),
          { unchanged: true },
          call("CHECK"),
          call("DEL"),
        ],
      },
      {
        ...common,
        name: `${name}: DEL before ADD, and DEL again, succeed and change nothing`,
        source: "SPEC section 2, DEL: should complete even if some resources are missing",
        versions: isList ? { from: "0.4.0" } : ["1.1.0"],
        steps: [
          ...before("c1"),
          call("DEL"),
          { unchanged: true, except: "furniture" },
          call("ADD"),
          call("DEL"),
          { unchanged: true, except: "furniture" },
          { mark: true },
          call("DEL"),
          call("DEL", { prevResult: "none" }),
          { unchanged: true },
        ],
      },
      {
        ...common,
        name: `${name}: DEL after the namespace vanished leaves nothing, with CNI_NETNS and without`,
        source: "SPEC section 2, DEL: CNI_NETNS is optional",
        versions: isList ? { from: "0.4.0" } : ["1.1.0"],
        containers: ["c1", "c2"],
        steps: [
          ...["c1", "c2"].flatMap((container): Step[] => [
            ...before(container),
            // One after the other: by themselves, portmap and firewall are told of one address.
            call("ADD", { container }),
            { run: ["ip", "netns", "delete", container] },
            noVeth,
            call("DEL", container === "c1" ? { container } : { container, netns: "" }),
            { unchanged: true, except: "furniture" },
          ]),
          call("DEL", { container: "c2", netns: "", prevResult: "none" }),
        ],
      },
      {
        ...common,
        name: `${name}: CHECK and STATUS change nothing, however often`,
        source: "SPEC section 2, CHECK and STATUS",
        steps: [
          ...before("c1"),
          call("STATUS"),
          { unchanged: true },
          call("ADD"),
          { mark: true },
          call("CHECK"),
          call("STATUS"),
          call("CHECK"),
          call("STATUS"),
          call("STATUS"),
          { unchanged: true },
        ],
      },
      {
        ...common,
        name: `${name}: GC keeps what is listed; with an empty list, a second GC changes nothing`,
        source: "SPEC 1.1.0, section 2, GC",
        steps: [
          ...before("c1"),
          call("GC", { config: empty }),
          { unchanged: true, except: "furniture" },
          call("ADD"),
          { mark: true },
          call("GC", {
            config: {
              "cni.dev/valid-attachments": [
                { containerID: "c1", ifname: "eth0" },
                { containerID: "c1", ifname: "lo" },
              ],
            },
          }),
          { unchanged: true },
          call("CHECK"),
          call("GC", { config: empty }),
          { mark: true },
          call("GC", { config: empty }),
          { unchanged: true },
          call("DEL"),
        ],
      },
      {
        ...common,
        name: `${name}: DEL with another configuration than ADD's leaves nothing`,
        source: "SPEC section 2, DEL; an administrator edits the list while containers run",
        steps: [...before("c1"), call("ADD"), changed("DEL"), { unchanged: true, except: "furniture" }],
      },
    ];
  },
);

/** Commands once more, too early, too late, and with less than they had: what runtimes do after crashes. */
export const idempotence: Suite = { name: "idempotence", scenarios };
