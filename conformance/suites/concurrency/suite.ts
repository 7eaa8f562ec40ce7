import type { JsonObject } from "../../harness/host/json.ts";
import type { Pattern } from "../../scenario/match.ts";
import type { Scenario, Step, Suite } from "../../scenario/scenario.ts";
import { StepFailure, type World } from "../../scenario/world.ts";

const crowd = 50;
const names = Array.from({ length: crowd }, (_none, index) => `c${index + 1}`);

const ipam = { type: "host-local", ranges: [[{ subnet: "10.9.0.0/24" }], [{ subnet: "fd00:9::/64" }]] };
const lease = { ipam } satisfies JsonObject;
const bridge = { type: "bridge", bridge: "br0", isGateway: true, ipMasq: true, ipam };
const chain = (backend: "iptables" | "nftables"): JsonObject[] => [
  bridge,
  { type: "portmap", backend, capabilities: { portMappings: true } },
  { type: "firewall", ingressPolicy: "same-bridge" },
  { type: "tuning" },
];

/** A step for each of some containers, all at the same time. */
function together(containers: readonly string[], step: (container: string, index: number) => Step): Step {
  return { parallel: containers.map(step) };
}

const publish = (index: number) => ({
  portMappings: [{ hostPort: 20_000 + index, containerPort: 80, protocol: index % 2 === 0 ? "tcp" : "udp" }],
});

/** The addresses that a container's interface was given. */
function given(world: World, container: string): string[] {
  return [
    ...JSON.stringify(world.results.get(`${container}/eth0`) ?? {}).matchAll(/"address":"([^"]+)"/g),
  ].map(([, address = ""]) => address);
}

const allDifferent: Step = {
  what: "every address was given once",
  do: (world) => {
    const all = names.flatMap((container) => given(world, container));
    const twice = all.find((address, index) => all.indexOf(address) !== index);
    if (twice !== undefined) throw new StepFailure(`${twice} was given twice`, "ADD");
    if (all.length !== 2 * crowd)
      throw new StepFailure(`${all.length} addresses were given, not ${2 * crowd}`, "ADD");
  },
};

const nothing: Pattern = [];

function wholeChain(backend: "iptables" | "nftables"): Scenario {
  return {
    name: `${crowd} containers come and go at once, ${backend}`,
    plugin: "bridge",
    source:
      "SPEC 1.1.0, section 3, Lifecycle & Ordering: the runtime may call for different containers in parallel",
    needs: [backend, "iptables"],
    containers: names,
    steps: [
      together(names, (container, index) => ({
        chain: "ADD",
        plugins: chain(backend),
        container,
        capabilityArgs: publish(index),
      })),
      allDifferent,
      { look: ["bridge", "-j", "link", "show"], shows: { $length: crowd } },
      together(names.slice(0, 5), (container) => ({
        chain: "CHECK",
        plugins: chain(backend),
        container,
        capabilityArgs: publish(names.indexOf(container)),
      })),
      together(names, (container, index) => ({
        chain: "DEL",
        plugins: chain(backend),
        container,
        capabilityArgs: publish(index),
      })),
      { look: ["bridge", "-j", "link", "show"], shows: nothing },
      { unchanged: true, except: "furniture" },
    ],
  };
}

/** What holds when many calls run at the same time. */
export const concurrency: Suite = {
  name: "concurrency",
  scenarios: [
    {
      name: `${crowd} ADDs give ${crowd} different addresses, ${crowd} DELs give them back`,
      plugin: "host-local",
      source:
        "SPEC 1.1.0, section 3, Lifecycle & Ordering: parallel calls; containernetworking/plugins, host-local: exclusive addresses",
      steps: [
        together(names, (container) => ({ call: "ADD", container, config: lease })),
        allDifferent,
        together(names, (container) => ({ call: "DEL", container, config: lease })),
        { unchanged: true, except: "furniture" },
      ],
    },
    {
      name: "a full range is given to exactly as many as it has addresses",
      plugin: "host-local",
      source: "containernetworking/plugins, host-local: an address has one owner",
      steps: [
        together(names.slice(0, 20), (container) => ({
          call: "ADD",
          container,
          config: { ipam: { type: "host-local", subnet: "10.9.1.0/28" } },
          expect: { either: true },
        })),
        {
          what: "thirteen have an address, each another",
          do: (world) => {
            const all = names.flatMap((container) => given(world, container));
            if (all.length !== 13 || new Set(all).size !== 13)
              throw new StepFailure(`of 13 addresses were given: ${all.join(", ")}`, "ADD");
          },
        },
      ],
    },
    {
      name: "GC beside ADDs takes no lease of those it lists",
      plugin: "host-local",
      source: "SPEC 1.1.0, section 2, GC: only resources of attachments that are not listed",
      steps: [
        {
          parallel: [
            ...names.slice(0, 20).map((container): Step => ({ call: "ADD", container, config: lease })),
            ...[1, 2, 3].map(
              (): Step => ({
                call: "GC",
                config: {
                  ...lease,
                  "cni.dev/valid-attachments": names.map((containerID) => ({ containerID, ifname: "eth0" })),
                },
              }),
            ),
          ],
        },
        together(names.slice(0, 20), (container) => ({ call: "CHECK", container, config: lease })),
      ],
    },
    {
      name: "DELs of the same container at the same time all succeed",
      plugin: "bridge",
      source: "SPEC 1.1.0, section 2, DEL: must accept repeated calls",
      needs: ["iptables"],
      steps: [
        { chain: "ADD", plugins: chain("iptables"), capabilityArgs: publish(0) },
        { parallel: [{ chain: "DEL", plugins: chain("iptables"), capabilityArgs: publish(0) }], times: 6 },
        { unchanged: true, except: "furniture" },
      ],
    },
    {
      name: "DELs of the same container at the same time all succeed, nftables",
      plugin: "portmap",
      source: "SPEC 1.1.0, section 2, DEL: must accept repeated calls",
      needs: ["nftables", "iptables"],
      steps: [
        { chain: "ADD", plugins: chain("nftables"), capabilityArgs: publish(0) },
        { parallel: [{ chain: "DEL", plugins: chain("nftables"), capabilityArgs: publish(0) }], times: 6 },
        { unchanged: true, except: "furniture" },
      ],
    },
    {
      name: "two networks of one container at the same time",
      plugin: "bridge",
      source:
        "SPEC 1.1.0, section 3, Lifecycle & Ordering: a container may be added to several networks; go-cni attaches all at once",
      steps: [
        {
          parallel: [
            { chain: "ADD", plugins: [bridge], network: "one" },
            {
              chain: "ADD",
              plugins: [{ ...bridge, bridge: "br1", ipam: { type: "host-local", subnet: "10.9.8.0/24" } }],
              network: "two",
              ifname: "eth1",
            },
          ],
        },
        {
          look: ["ip", "-j", "address"],
          in: "c1",
          shows: {
            $has: [{ ifname: "eth0" }, { ifname: "eth1", addr_info: { $has: [{ local: "10.9.8.2" }] } }],
          },
        },
      ],
    },
    wholeChain("iptables"),
    wholeChain("nftables"),
    {
      name: "shared chains are made once by containers that come first together",
      plugin: "portmap",
      source: "containernetworking/plugins#510 and reference: parallel first ADDs doubled the jumps for good",
      needs: ["iptables"],
      containers: names.slice(0, 12),
      steps: [
        together(names.slice(0, 12), (container, index) => ({
          chain: "ADD",
          plugins: chain("iptables"),
          container,
          capabilityArgs: publish(index),
        })),
        {
          what: "no line of iptables-save is there twice",
          do: ({ host }) => {
            const lines = host
              .run("iptables-save")
              .stdout.split("\n")
              .filter((line) => line.startsWith("-A"));
            const twice = lines.find((line, index) => lines.indexOf(line) !== index);
            if (twice !== undefined) throw new StepFailure(`twice: ${twice}`, "ADD");
          },
        },
      ],
    },
  ],
};
