import { patienceMs } from "../harness/host/command.ts";
import { Host } from "../harness/host/host.ts";
import { difference, keepLines, type Section, type Snapshot, snapshot } from "../harness/host/snapshot.ts";
import { withoutFurniture } from "../harness/plugins/furniture.ts";
import { addOutside } from "../harness/traffic/traffic.ts";
import { endAll } from "./call.ts";
import { anyBridge, perform } from "./perform.ts";
import type { Scenario } from "./scenario.ts";
import { versionList } from "./versions.ts";
import { type Observation, StepFailure, type World } from "./world.ts";

/** What came of a scenario in one version; `calls` counts the judged plugin's commands. */
export type Outcome = {
  passed: boolean;
  /** No step found anything wrong: the scenario itself, or the machine, is at fault. */
  isBroken?: boolean;
  /** Why it failed, and in which command of which plugin. */
  reason?: string;
  /** When several steps failed that do not build on one another: the parts of `reason`. */
  reasons?: readonly string[];
  command?: string;
  /** Shell lines that repeat it. */
  byHand: string[];
  calls: Record<string, number>;
  seconds: number;
  observations: Observation[];
  /** With `keep`: the first process of the host that was kept for a look. */
  keptHost?: number;
};

export type RunOptions = {
  binDir: string;
  observe?: boolean;
  keep?: boolean;
  /** How long a call may take. */
  limitSeconds?: number;
};

/** A call that hangs is a failure, not a reason to wait for ever. */
const defaultLimitSeconds = patienceMs / 1000;

/** Runs a scenario in one version of the specification, in a host of its own. */
export async function runScenario(
  scenario: Scenario,
  version: string,
  options: RunOptions,
): Promise<Outcome> {
  const start = performance.now();
  const host = await Host.create(options.keep === true ? { outlives: true } : {});
  let world: World | undefined;
  let outcome: Verdict = { passed: true };
  try {
    world = prepare(host, scenario, version, options);
    await play(world, scenario);
  } catch (error) {
    outcome = failure(error);
  }
  const isKept = options.keep === true && !outcome.passed;
  if (!isKept) await host.dispose();
  return {
    ...outcome,
    byHand: world?.byHand ?? [],
    calls: Object.fromEntries(world?.calls ?? []),
    seconds: (performance.now() - start) / 1000,
    observations: world?.observations ?? [],
    ...(isKept && { keptHost: host.pid }),
  };
}

function prepare(host: Host, scenario: Scenario, version: string, options: RunOptions): World {
  const { binDir, observe, limitSeconds = defaultLimitSeconds } = options;
  const containers = scenario.containers ?? ["c1"];
  const byHand = containers.map((container) => `ip netns add ${container}`);
  for (const container of containers) host.addNetns(container);
  if (scenario.outside === true) {
    addOutside(host);
    byHand.push("# a namespace `outside` is joined to the host, as 192.0.2.2 and 2001:db8:ffff::2");
  }
  return {
    host,
    binDir,
    plugin: scenario.plugin,
    version,
    limitSeconds,
    containers,
    variables: new Map([
      ["bin", binDir],
      ["version", version],
    ]),
    results: new Map(),
    added: [],
    before: snapshot(host),
    byHand,
    calls: new Map(),
    // What a version changes is the answer: what the host is like is compared once, with the scenario's newest.
    observe:
      observe !== true ? "nothing" : version === versionList(scenario.versions).at(-1) ? "all" : "answers",
    observations: [],
  };
}

async function play(world: World, scenario: Scenario): Promise<void> {
  const start = world.before;
  for (const step of scenario.steps) await perform(world, step);
  await endAll(world);
  const left = difference(lasting(start, scenario), lasting(snapshot(world.host), scenario));
  if (left !== "") throw new StepFailure(`left on the host after DEL:\n${left}`, "DEL");
}

/** What may not change from a scenario's start to its end. */
function lasting(taken: Snapshot, { leaves = {} }: Scenario): Snapshot {
  return keepLines(withoutFurniture(taken, anyBridge), (section: Section, line) => {
    return !(leaves[section] ?? []).some((pattern) => new RegExp(pattern).test(line));
  });
}

type Verdict = Pick<Outcome, "passed" | "isBroken" | "reason" | "reasons" | "command">;

function failure(error: unknown): Verdict {
  if (error instanceof StepFailure) {
    return {
      passed: false,
      reason: error.message,
      ...(error.reasons.length > 1 && { reasons: error.reasons }),
      ...(error.command !== undefined && { command: error.command }),
    };
  }
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { passed: false, isBroken: true, reason };
}
