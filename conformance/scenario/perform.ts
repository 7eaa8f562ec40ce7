import { existsSync, readFileSync } from "node:fs";
import type { Place } from "../harness/host/host.ts";
import { iptablesSave } from "../harness/host/inspect.ts";
import { isObject, parse } from "../harness/host/json.ts";
import { difference, snapshot } from "../harness/host/snapshot.ts";
import { withoutFurniture } from "../harness/plugins/furniture.ts";
import { commandByHand, quoted, writeByHand } from "./by-hand.ts";
import { isInVersion, performCall, performChain } from "./call.ts";
import { fillPattern, mismatch, type Pattern } from "./match.ts";
import { performPacket, performServe } from "./packets.ts";
import type {
  EachStep,
  FileStep,
  LookStep,
  ParallelStep,
  RulesStep,
  RunStep,
  Step,
  UnchangedStep,
  WriteStep,
} from "./scenario.ts";
import { versionList } from "./versions.ts";
import { filled, StepFailure, type World } from "./world.ts";

/** Does one step. Throws a `StepFailure` that says what a user would have seen instead. */
export async function perform(world: World, step: Step): Promise<void> {
  if (step.onlyIn !== undefined && !versionList(step.onlyIn).includes(world.version)) return;
  if ("call" in step) return isInVersion(step, world.version) ? performCall(world, step) : undefined;
  if ("chain" in step) return isInVersion(step, world.version) ? performChain(world, step) : undefined;
  if ("run" in step) return performRun(world, step);
  if ("look" in step) return performLook(world, step);
  if ("rules" in step) return performRules(world, step);
  if ("serve" in step) return performServe(world, step);
  if ("packet" in step) return performPacket(world, step);
  if ("file" in step) return performFile(world, step);
  if ("write" in step) return performWrite(world, step);
  if ("unchanged" in step) return performUnchanged(world, step);
  if ("parallel" in step) return performParallel(world, step);
  if ("each" in step) return performEach(world, step);
  if ("do" in step) {
    world.byHand.push(`# ${step.what}`);
    return step.do(world);
  }
  world.before = snapshot(world.host);
}

/** The place of a `Where`. */
function placeOf(where: string | undefined): Place {
  return where === undefined || where === "host" ? {} : { netns: where };
}

function performRun(world: World, { run, in: where, status = 0 }: RunStep): void {
  const [command = "", ...args] = run.map((word) => filled(world, word));
  world.byHand.push(commandByHand([command, ...args], placeOf(where).netns));
  const done = world.host.run(command, args, { ...placeOf(where), check: false });
  if (status !== null && done.status !== status) {
    throw new StepFailure(`${run.join(" ")} ended with status ${done.status}: ${done.stdout}${done.stderr}`);
  }
}

async function performLook(world: World, step: LookStep): Promise<void> {
  const argv = step.look.map((word) => filled(world, word));
  const pattern = fillPattern(step.shows, (text) => filled(world, text));
  world.byHand.push(`# look: ${commandByHand(argv, placeOf(step.in).netns)}`);
  const limit = performance.now() + 1000 * (step.withinSeconds ?? 0);
  for (;;) {
    const wrong = await wrongAtLook(world, step, argv, pattern);
    if (wrong === undefined) return;
    if (performance.now() >= limit) {
      const where = step.in === undefined ? "" : ` in ${step.in}`;
      throw new StepFailure(`${step.look.join(" ")}${where}: ${wrong}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A tool that fails shows nothing, which is no proof that nothing is there: its status counts, too. */
async function wrongAtLook(
  { host, variables }: World,
  { in: where, status: expected = 0 }: LookStep,
  [command = "", ...args]: readonly string[],
  pattern: Pattern,
): Promise<string | undefined> {
  const { status, stdout, stderr } = await host.runAsync(command, args, { ...placeOf(where), check: false });
  const said = stderr === "" ? "" : ` (${stderr.trim()})`;
  if (expected !== null && status !== expected) return `it ended with status ${status}${said}`;
  const wrong = mismatch(pattern, outputOf(stdout), variables);
  return wrong === undefined ? undefined : `${wrong}${said}`;
}

/** JSON as a value without the empty objects that `ip` prints for what does not apply; other text as its lines. */
function outputOf(text: string): unknown {
  return /^\s*[[{]/.test(text) ? withoutEmpty(parse(text)) : text.split("\n").filter((line) => line !== "");
}

function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty).filter((entry) => JSON.stringify(entry) !== "{}");
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withoutEmpty(part)]));
}

function performRules(world: World, { rules, are, has = [], lacks = [] }: RulesStep): void {
  const saved = iptablesSave(world.host, rules);
  const fill = (text: string) => filled(world, text);
  const tool = rules === "ipv4" ? "iptables-save" : "ip6tables-save";
  world.byHand.push(`# look: ${tool}`);
  const patterns: Pattern[] = [
    { $has: has.map((pattern) => fillPattern(pattern, fill)) },
    { $lacks: lacks.map((pattern) => fillPattern(pattern, fill)) },
  ];
  for (const pattern of patterns) {
    const wrong = mismatch(pattern, saved, world.variables);
    if (wrong !== undefined) throw new StepFailure(`${tool}: ${wrong}`);
  }
  if (are === undefined) return;
  const [expected, found] = [byChain(are.map(fill)), byChain(saved)];
  const at = Math.max(expected.length, found.length);
  for (let index = 0; index < at; index++) {
    if (expected[index] === found[index]) continue;
    const lines = `line ${index + 1} is ${found[index] ?? "nothing"}, not ${expected[index] ?? "nothing"}`;
    throw new StepFailure(`${tool}: ${lines}, in:\n${found.join("\n")}`);
  }
}

/** Chains are saved in no certain order, but the rules of one in theirs. */
function byChain(lines: readonly string[]): string[] {
  const chainOf = (line: string) => /^\w+ (:|-A )(\S+)/.exec(line)?.[0] ?? line;
  return lines.toSorted((one, other) => chainOf(one).localeCompare(chainOf(other)));
}

function performFile(world: World, { file, is }: FileStep): void {
  const path = filled(world, file);
  const outside = world.host.outside(path);
  world.byHand.push(`# look: cat ${quoted(path)}`);
  if (is === null) {
    if (existsSync(outside)) throw new StepFailure(`${path} should not be there`);
    return;
  }
  if (!existsSync(outside)) throw new StepFailure(`${path} should be there`);
  const wrong = mismatch(
    fillPattern(is, (text) => filled(world, text)),
    readFileSync(outside, "utf8"),
    world.variables,
  );
  if (wrong !== undefined) throw new StepFailure(`${path}: ${wrong}`);
}

function performWrite(world: World, { write, content, mode }: WriteStep): void {
  const [path, text] = [filled(world, write), filled(world, content)];
  world.byHand.push(writeByHand(path, text, mode));
  world.host.writeFile(path, text, mode);
}

function performUnchanged(world: World, { except }: UnchangedStep): void {
  const now = snapshot(world.host);
  const changed =
    except === "furniture"
      ? difference(withoutFurniture(world.before, anyBridge), withoutFurniture(now, anyBridge))
      : difference(world.before, now);
  if (changed !== "") throw new StepFailure(`the host is not as it was:\n${changed}`);
}

/** Matches the name of every bridge that scenarios use. */
export const anyBridge = "(?:br|cni|bridge|nerdctl)[\\w.-]*";

async function performParallel(world: World, { parallel, times = 1 }: ParallelStep): Promise<void> {
  // Who comes first is chance, and so is which address each one has from now on: no two runs can be compared.
  world.observe = "nothing";
  const rounds = Array.from({ length: times }, (_none, index) => ({
    ...world,
    variables: new Map([...world.variables, ["n", String(index + 1)]]),
  }));
  const done = await Promise.allSettled(
    rounds.flatMap((round) => parallel.map((step) => perform(round, numbered(round, step)))),
  );
  // `added` is the only part of a world that is replaced, not changed.
  world.added = [...new Set(rounds.flatMap(({ added }) => added))];
  const [failed] = done.filter((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

async function performEach(world: World, { each }: EachStep): Promise<void> {
  const failures: StepFailure[] = [];
  const { observe } = world;
  // Taking stock after every one of many calls takes too long; see what the step behind them says.
  if (observe === "all") world.observe = "answers";
  for (const step of each) {
    try {
      await perform(world, step);
    } catch (error) {
      if (!(error instanceof StepFailure)) throw error;
      failures.push(error);
    }
  }
  world.observe = observe;
  const [first] = failures;
  if (first === undefined) return;
  const reasons = failures.flatMap((failure) => failure.reasons);
  throw new StepFailure(reasons.join("\n"), first.command, reasons);
}

/** A call for `${n}` is one for the container of that name. */
function numbered(world: World, step: Step): Step {
  if (!("call" in step || "chain" in step) || step.container === undefined) return step;
  return { ...step, container: filled(world, step.container) };
}
