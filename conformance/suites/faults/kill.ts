import { readFileSync } from "node:fs";
import type { JsonObject } from "../../harness/json.ts";
import { perform } from "../../scenario/perform.ts";
import type { CallStep, Need, Scenario, Suite } from "../../scenario/scenario.ts";
import { StepFailure, type World } from "../../scenario/world.ts";

/** System calls that change something, or after which something has changed. */
const changing = [
  ...[
    "sendto",
    "sendmsg",
    "write",
    "pwrite64",
    "writev",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
  ],
  ...[
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "ftruncate",
    "flock",
    "setns",
    "clone",
    "clone3",
    "vfork",
    "fork",
  ],
];

/** At how many of a plugin's calls of one kind it is killed: the first, the last, and some between. */
const pointsOfAKind = 6;

const mapping = { runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "udp" }] } };
const prevResult = {
  interfaces: [{ name: "br0" }, { name: "veth0" }, { name: "eth0", sandbox: "/run/netns/c1" }],
  ips: [
    { address: "10.9.0.2/24", gateway: "10.9.0.1", interface: 2 },
    { address: "fd00:9::2/64", interface: 2 },
  ],
};
const ipam = { type: "host-local", ranges: [[{ subnet: "10.9.0.0/24" }], [{ subnet: "fd00:9::/64" }]] };

type Victim = { plugin: string; kind?: string; config: JsonObject; chained?: true; needs?: readonly Need[] };

const victims: Victim[] = [
  { plugin: "host-local", config: { ipam } },
  { plugin: "bridge", config: { bridge: "br0", isGateway: true, ipMasq: true, ipam }, needs: ["iptables"] },
  {
    plugin: "portmap",
    kind: "iptables",
    config: { backend: "iptables", ...mapping },
    chained: true,
    needs: ["iptables"],
  },
  {
    plugin: "portmap",
    kind: "nftables",
    config: { backend: "nftables", ...mapping },
    chained: true,
    needs: ["nftables"],
  },
  {
    plugin: "firewall",
    config: { backend: "iptables", ingressPolicy: "same-bridge" },
    chained: true,
    needs: ["iptables"],
  },
  { plugin: "tuning", config: { sysctl: { "net.ipv4.conf.lo.arp_filter": "1" }, mtu: 1400 }, chained: true },
];

/** A plugin that is killed leaves nothing that the DEL after it does not remove. */
export const kill: Suite = { name: "killed", scenarios: victims.flatMap(scenariosOf) };

function scenariosOf({ plugin, kind, config, chained, needs = [] }: Victim): Scenario[] {
  const call = { config, ...(chained && { prevResult }) };
  const add: CallStep = { ...call, call: "ADD" };
  const del: CallStep = { ...call, call: "DEL" };
  const name = kind === undefined ? plugin : `${plugin}, ${kind},`;
  const common = { plugin, needs: ["strace" as const, ...needs] };
  const device = ["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "other"];
  const setUp = plugin === "tuning" ? [{ run: device, in: "c1" }] : [];
  return [
    {
      name: `${name} killed in ADD, then DEL`,
      source:
        "SPEC 1.1.0, section 4, DEL: after a failed ADD the runtime calls DEL, which removes what there is",
      ...common,
      steps: [
        ...setUp,
        {
          what: "at each kind of system call",
          do: (world) => unobserved(world, () => killEverywhere(world, add, [], [del])),
        },
      ],
    },
    {
      name: `${name} killed in DEL, then DEL again`,
      source: "SPEC 1.1.0, section 4, DEL: must complete, also when it is repeated",
      ...common,
      steps: [
        ...setUp,
        {
          what: "at each kind of system call",
          do: (world) => unobserved(world, () => killEverywhere(world, del, [add], [del])),
        },
      ],
    },
  ];
}

/** Other implementations make other system calls: there is nothing to compare but what DEL leaves. */
async function unobserved(world: World, work: () => Promise<void>): Promise<void> {
  const { observe } = world;
  world.observe = "nothing";
  await work();
  world.observe = observe;
}

/** Kills `step` at its system calls, one point after the other; `before` and `after` are called around each. */
async function killEverywhere(
  world: World,
  step: CallStep,
  before: readonly CallStep[],
  after: readonly CallStep[],
): Promise<void> {
  const log = "/run/test-strace";
  for (const one of before) await perform(world, one);
  await perform(world, {
    ...step,
    under: ["strace", "-f", "-qq", "-o", log, "-e", `trace=${known(changing)}`],
  });
  for (const one of after) await perform(world, one);
  for (const [name, count] of countCalls(readFileSync(world.host.outside(log), "utf8"))) {
    for (const number of points(count)) {
      for (const one of before) await perform(world, one);
      const inject = `inject=${name}:signal=KILL:when=${number}`;
      await killed(world, step, [
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        `trace=${name}`,
        "-e",
        inject,
      ]);
      try {
        for (const one of after) await perform(world, one);
        await perform(world, { unchanged: true, except: "furniture" });
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new StepFailure(`killed at its ${name} number ${number}: ${why}`, step.call);
      }
    }
  }
}

/** strace takes names that this machine's architecture does not have only with a question mark. */
function known(names: readonly string[]): string {
  return names.map((name) => `?${name}`).join(",");
}

/** How often the process that made most calls of a kind made them, by the kind's name. */
function countCalls(log: string): Map<string, number> {
  const perProcess = new Map<string, Map<string, number>>();
  for (const [, pid = "", name = ""] of log.matchAll(/^(\d+) +(\w+)\(/gm)) {
    const own = perProcess.get(name) ?? new Map<string, number>();
    perProcess.set(name, own.set(pid, (own.get(pid) ?? 0) + 1));
  }
  return new Map([...perProcess].map(([name, own]) => [name, Math.max(...own.values())]));
}

/** Up to `pointsOfAKind` numbers from 1 to `count`, evenly spread. */
function points(count: number): number[] {
  const some = Math.min(count, pointsOfAKind);
  const spread = Array.from({ length: some }, (_none, index) =>
    some === 1 ? 1 : 1 + Math.round((index * (count - 1)) / (some - 1)),
  );
  return [...new Set(spread)];
}

/** Makes a call that is killed, most of the time; what it answers does not matter. */
async function killed(world: World, step: CallStep, under: readonly string[]): Promise<void> {
  const before = world.added;
  try {
    await perform(world, { ...step, under, expect: { either: true } });
  } catch {
    // That is what it is for.
  }
  world.added = before;
}
