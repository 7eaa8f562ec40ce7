import { isObject, type JsonObject, parse } from "../harness/host/json.ts";
import { type Command, type PluginResponse, pluginEnvironment } from "../harness/plugins/plugin-call.ts";
import { callByHand } from "./by-hand.ts";
import type { CallStep, Expect, Stdin } from "./call-step.ts";
import { asPattern, fillPattern, mismatch } from "./match.ts";
import { observed } from "./observe.ts";
import { resultInVersion } from "./result-in-version.ts";
import { codeMismatch, errorProblems, resultProblems } from "./result-rules.ts";
import type { ChainStep } from "./scenario.ts";
import { commandSince, isAtLeast } from "./versions.ts";
import { type Added, filled, filledObject, StepFailure, type World } from "./world.ts";

/** Whether a version of the specification has the step's command, or the step expects it to be refused. */
export function isInVersion(step: CallStep | ChainStep, version: string): boolean {
  const command = "call" in step ? step.call : step.chain;
  const isRefused = step.expect !== undefined && "error" in step.expect;
  return isRefused || isAtLeast(version, commandSince(command));
}

/** Makes one call, and judges what came back. */
export async function performCall(world: World, step: CallStep): Promise<void> {
  const { response, config, plugin, container, ifname } = await makeCall(world, step);
  const expected = step.expect ?? { success: true };
  const problem = callProblem(world, step.call, response, expected);
  if (problem !== undefined) {
    const what = step.what === undefined ? "" : ` (${step.what})`;
    throw new StepFailure(`${step.call} ${plugin}${what}: ${problem}`, step.call);
  }
  remember(world, step, response, { config, plugin, container, ifname });
}

/** Calls every plugin of a list as libcni does: the result goes on from plugin to plugin (SPEC, section 3). */
export async function performChain(world: World, chain: ChainStep): Promise<void> {
  const { chain: command, plugins, expect, network = "net1" } = chain;
  const container = chain.container ?? world.containers[0] ?? "c1";
  const key = `${container}/${chain.ifname ?? "eth0"}`;
  const ordered = command === "DEL" ? plugins.toReversed() : plugins;
  if (command === "ADD") world.results.delete(key);
  for (const [index, plugin] of ordered.entries()) {
    const isLast = index === ordered.length - 1;
    const { capabilities, ...config } = plugin;
    const step: CallStep = {
      call: command,
      plugin: String(plugin["type"]),
      container,
      config: {
        name: network,
        ...config,
        ...(capabilities !== undefined && { capabilities }),
        ...runtimeConfig(capabilities, chain.capabilityArgs ?? {}),
        ...chain.config,
      },
      ...(command === "ADD" && index > 0 && { prevResult: "result" as const }),
      ...(chain.prevResult !== undefined && { prevResult: chain.prevResult }),
      ...(chain.ifname !== undefined && { ifname: chain.ifname }),
      ...(chain.netns !== undefined && { netns: chain.netns }),
      ...(chain.args !== undefined && { args: chain.args }),
      ...(isLast && expect !== undefined && { expect }),
    };
    await performCall(world, step);
  }
}

/** Ends the attachments that are still there, the last first, as a runtime does with the configurations of ADD. */
export async function endAll(world: World): Promise<void> {
  for (const { step, plugin, config, container, ifname } of world.added.toReversed()) {
    const { prevResult: _given, ...own } = config;
    const { expect: _expected, stdin: _stdin, ...rest } = step;
    await performCall(world, {
      ...rest,
      call: "DEL",
      prevResult: "result",
      plugin,
      config: own,
      container,
      ifname,
    });
  }
}

type Made = {
  response: PluginResponse;
  config: JsonObject;
  plugin: string;
  container: string;
  ifname: string;
};

async function makeCall(world: World, step: CallStep): Promise<Made> {
  const container = step.container ?? world.containers[0] ?? "c1";
  const plugin = step.plugin ?? world.plugin;
  const ifname = step.ifname ?? "eth0";
  const config = configOf(world, step, plugin, `${container}/${ifname}`);
  const bin = `${world.binDir}/${plugin}`;
  const env = environmentOf(world, step, container, bin);
  const stdin = step.stdin === undefined ? JSON.stringify(config) : filledStdin(world, step.stdin);
  const input = inputOf(stdin);
  world.byHand.push(callByHand(bin, env, stdin, step.under));
  if (plugin === world.plugin) world.calls.set(step.call, (world.calls.get(step.call) ?? 0) + 1);
  const [command = bin, ...words] = [...(step.under ?? []), bin];
  const timeoutMs = 1000 * world.limitSeconds;
  const done = await world.host.runAsync(command, words, { env, input, check: false, timeoutMs });
  const response = { ...done, json: jsonOf(done.stdout) };
  if (world.observe !== "nothing") {
    const what = step.what === undefined ? "" : `: ${step.what}`;
    world.observations.push(observed(world, `${step.call} ${plugin} ${container}${what}`, response));
  }
  return { response, config, plugin, container, ifname };
}

function configOf(world: World, step: CallStep, plugin: string, key: string): JsonObject {
  const own = filledObject(world, step.config ?? {});
  const prevResult = prevResultOf(world, step, key);
  return {
    cniVersion: world.version,
    name: "net1",
    type: plugin,
    ...own,
    ...(prevResult !== undefined && { prevResult }),
  };
}

function prevResultOf(world: World, step: CallStep, key: string): unknown {
  const { prevResult, call } = step;
  if (prevResult === "none" || step.config?.["prevResult"] !== undefined) return undefined;
  if (isObject(prevResult)) {
    const converted = resultInVersion(asPattern(filledObject(world, prevResult)), world.version);
    return { cniVersion: world.version, ...(isObject(converted) ? converted : {}) };
  }
  const isHandedOver =
    prevResult === "result"
      ? call === "ADD" || isAtLeast(world.version, "0.4.0")
      : call === "CHECK" || (call === "DEL" && isAtLeast(world.version, "0.4.0"));
  return isHandedOver ? world.results.get(key) : undefined;
}

function environmentOf(world: World, step: CallStep, container: string, bin: string): Record<string, string> {
  const isForOne = step.call === "ADD" || step.call === "DEL" || step.call === "CHECK";
  const env = pluginEnvironment(bin, {
    command: step.call,
    path: world.binDir,
    ...(isForOne && { containerId: container, netns: `/run/netns/${container}`, ifname: "eth0" }),
    ...(step.args !== undefined && { args: filled(world, step.args) }),
  });
  const given = {
    CNI_COMMAND: step.command,
    CNI_CONTAINERID: step.id,
    CNI_NETNS: step.netns,
    CNI_IFNAME: step.ifname,
    CNI_PATH: step.path,
    ...step.env,
  };
  for (const [name, value] of Object.entries(given)) {
    if (value === null) delete env[name];
    else if (value !== undefined) env[name] = filled(world, value);
  }
  return env;
}

function filledStdin(world: World, stdin: Stdin): Stdin {
  if (typeof stdin === "string") return filled(world, stdin);
  if ("hex" in stdin) return stdin;
  return stdin.map((part) => (typeof part === "string" ? filled(world, part) : part));
}

function inputOf(stdin: Stdin): string | Buffer {
  if (typeof stdin === "string") return stdin;
  if ("hex" in stdin) return Buffer.from(stdin.hex, "hex");
  return stdin.map((part) => (typeof part === "string" ? part : part.repeat.repeat(part.times))).join("");
}

/** What the answer should have been, and was; undefined when it is as expected. */
function callProblem(
  world: World,
  command: Command,
  response: PluginResponse,
  expected: Expect,
): string | undefined {
  const { status, signal, stdout, stderr, json } = response;
  if (signal !== null || status === null) return `it did not end by itself within ${world.limitSeconds} s`;
  if (status !== 0) {
    const problems = errorProblems(json);
    const printed = stdout.trim() === "" ? `nothing, and on standard error: ${stderr.trim()}` : stdout.trim();
    if (problems.length > 0)
      return `it failed with status ${status} and printed ${printed}: ${problems.join("; ")}`;
    if ("either" in expected) return undefined;
    if (!("error" in expected)) return `it failed: ${printed}`;
    return errorMismatch(world, json, expected.error);
  }
  if ("error" in expected) return `it did not fail, but printed ${JSON.stringify(stdout)}`;
  if (command === "VERSION") {
    if (!("result" in expected)) return undefined;
    const pattern = fillPattern(expected.result, (text) => filled(world, text));
    return mismatch(pattern, json, world.variables);
  }
  if (command !== "ADD")
    return stdout.trim() === "" ? undefined : `it printed ${JSON.stringify(stdout)}, not nothing`;
  if (json === undefined) return `it printed ${JSON.stringify(stdout)}, not one JSON result`;
  const problems = resultProblems(json, world.version);
  if (problems.length > 0) return `the result is none of version ${world.version}: ${problems.join("; ")}`;
  if (!("result" in expected)) return undefined;
  const pattern = resultInVersion(
    fillPattern(expected.result, (text) => filled(world, text)),
    world.version,
  );
  const wrong = mismatch(pattern, json, world.variables);
  return wrong === undefined ? undefined : `result${wrong}`;
}

function errorMismatch(
  world: World,
  error: unknown,
  expected: Extract<Expect, { error: unknown }>["error"],
): string | undefined {
  const { code, names, ...texts } = expected;
  const found = isObject(error) ? error : {};
  const wrongCode = code === undefined ? undefined : codeMismatch(found["code"], [code].flat());
  if (wrongCode !== undefined) return `${wrongCode}: ${JSON.stringify(error)}`;
  const said = `${found["msg"]} ${found["details"] ?? ""}`;
  if (names !== undefined && !new RegExp(filled(world, names)).test(said))
    return `the error says nothing like /${names}/: ${JSON.stringify(error)}`;
  const pattern = fillPattern({ ...texts }, (text) => filled(world, text));
  const wrong = mismatch(pattern, error, world.variables);
  return wrong === undefined ? undefined : `the error's ${wrong}`;
}

function remember(
  world: World,
  step: CallStep,
  response: PluginResponse,
  made: Omit<Made, "response">,
): void {
  if (response.status !== 0) return;
  const { config, plugin, container, ifname } = made;
  const isSame = (other: Added) =>
    (other.step.id ?? other.container) === (step.id ?? container) &&
    other.plugin === plugin &&
    other.container === container &&
    other.ifname === ifname &&
    other.config["name"] === config["name"];
  if (step.call === "DEL") world.added = world.added.filter((other) => !isSame(other));
  if (step.call !== "ADD") return;
  world.results.set(`${container}/${ifname}`, response.json);
  if (!world.added.some(isSame)) world.added.push({ step, ...made });
}

function runtimeConfig(capabilities: unknown, args: JsonObject): JsonObject {
  if (!isObject(capabilities)) return {};
  const given = Object.entries(args).filter(([key]) => capabilities[key] === true);
  return given.length === 0 ? {} : { runtimeConfig: Object.fromEntries(given) };
}

function jsonOf(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}
