import { readFileSync } from "node:fs";
import type { JsonObject } from "../../harness/host/json.ts";
import type { CallStep } from "../../scenario/call-step.ts";
import { perform } from "../../scenario/perform.ts";
import type { Need, Scenario, Suite } from "../../scenario/scenario.ts";
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
    kind: "iptables",
    config: { backend: "iptables", ingressPolicy: "same-bridge" },
    chained: true,
    needs: ["iptables"],
  },
  {
    plugin: "firewall",
    kind: "nftables",
    config: { backend: "nftables", ingressPolicy: "same-bridge" },
    chained: true,
    needs: ["nftables"],
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
      source: "SPEC 1.1.0, section 3, Lifecycle: DEL is called even when ADD failed; section 2, DEL",
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
      source: "SPEC 1.1.0, section 2, DEL: must complete, also when it is repeated",
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

/**
 * Kills `step` at its system calls, one point after the other; `before` and `after` are called around each. Throws
 * when none was killed, since then nothing was tried.
 */
async function killEverywhere(
  world: World,
  step: CallStep,
  before: readonly CallStep[],
  after: readonly CallStep[],
): Promise<void> {
  for (const one of before) await perform(world, one);
  await perform(world, { ...step, under: strace(`trace=${known(changing)}`) });
  for (const one of after) await perform(world, one);
  let kills = 0;
  for (const [name, count] of countCalls(logText(world))) {
    for (const number of points(count)) {
      for (const one of before) await perform(world, one);
      if (await killed(world, step, name, number)) kills += 1;
      try {
        for (const one of after) await perform(world, one);
        await perform(world, { unchanged: true, except: "furniture" });
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new StepFailure(`killed at its ${name} number ${number}: ${why}`, step.call);
      }
    }
  }
  if (kills === 0) throw new Error(`${step.call} was killed at none of its system calls`);
}

const log = "/run/test-strace";

function strace(...expressions: string[]): string[] {
  return ["strace", "-f", "-q", "-o", log, ...expressions.flatMap((expression) => ["-e", expression])];
}

function logText({ host }: World): string {
  return readFileSync(host.outside(log), "utf8");
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

/**
 * Makes a call that is to be killed at a system call, and tells whether it was: when that call is made by a program
 * that it has started, or does not come this time, it goes on, and what it answers must be well-formed.
 */
async function killed(world: World, step: CallStep, name: string, number: number): Promise<boolean> {
  const before = world.added;
  const under = strace(`trace=execve,${name}`, `inject=${name}:signal=KILL:when=${number}`);
  let failure: unknown;
  try {
    await perform(world, { ...step, under, expect: { either: true } });
  } catch (error) {
    failure = error;
  }
  world.added = before;
  const text = logText(world);
  // The first line is of the process that becomes the plugin.
  const [pid = ""] = /^\d+/.exec(text) ?? [];
  const wasKilled = new RegExp(`^${pid} +\\+\\+\\+ killed by SIGKILL`, "m").test(text);
  if (failure !== undefined && !wasKilled) throw failure;
  return wasKilled;
}
