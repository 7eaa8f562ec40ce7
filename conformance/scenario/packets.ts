import type { CommandOptions } from "../harness/host/command.ts";
import type { Place } from "../harness/host/host.ts";
import { parseObject } from "../harness/host/json.ts";
import { trafficCommand } from "../harness/traffic/traffic.ts";
import type { PacketStep, ServeStep } from "./scenario.ts";
import { filled, StepFailure, type World } from "./world.ts";

/** Starts a server that says where it runs and from where it was asked. */
export async function performServe(
  { host, byHand }: World,
  { serve, in: where, port }: ServeStep,
): Promise<void> {
  const [command = "", ...args] = trafficCommand(serve === "tcp" ? "http" : "udp", String(port), where);
  byHand.push(`# a ${serve} server on port ${port} in ${where}`);
  await host.start(command, args, where === "host" ? {} : { netns: where });
}

/** Sends a packet, and judges whether, where and from where it arrived. */
export async function performPacket(world: World, step: PacketStep): Promise<void> {
  const to = filled(world, step.to);
  const goal =
    step.port === undefined ? to : to.includes(":") ? `[${to}]:${step.port}` : `${to}:${step.port}`;
  const way = `${step.packet} from ${step.from} to ${goal}`;
  world.byHand.push(`# packet: ${way}`);
  const place = step.from === "host" ? {} : { netns: step.from };
  const answer = await answerTo(world, step, to, place);
  if (!step.arrives) {
    if (answer !== undefined)
      throw new StepFailure(`${way} should not arrive, but was answered: ${answer.at}`);
    return;
  }
  if (answer === undefined) throw new StepFailure(`${way} was not answered`);
  if (step.at !== undefined && answer.at !== step.at)
    throw new StepFailure(`${way} was answered by ${answer.at}, not by ${step.at}`);
  const source = step.source === undefined ? undefined : filled(world, step.source);
  if (source !== undefined && answer.source !== source)
    throw new StepFailure(`${way} came from ${answer.source}, not from ${source}`);
}

type Answer = { at: string; source: string };

async function answerTo(
  { host }: World,
  step: PacketStep,
  to: string,
  place: Place,
): Promise<Answer | undefined> {
  // A busy machine is slow to answer; what should not arrive is not waited for as long.
  const wait = step.arrives ? 30 : 1;
  const options: CommandOptions & Place = { ...place, check: false };
  if (step.packet === "ping") {
    const { status } = await host.runAsync("ping", ["-n", "-c1", `-W${wait}`, to], options);
    return status === 0 ? { at: step.at ?? to, source: step.source ?? "" } : undefined;
  }
  const port = String(step.port);
  if (step.packet === "udp") {
    const [command = "", ...args] = trafficCommand(
      ...["udp-client", to, port, "hello", String(wait)],
      ...(step.fromPort === undefined ? [] : [String(step.fromPort)]),
    );
    const { status, stdout } = await host.runAsync(command, args, options);
    const [source = "", at = ""] = stdout.trim().split(" ");
    return status === 0 ? { at, source } : undefined;
  }
  const url = `http://${to.includes(":") ? `[${to}]` : to}:${port}/`;
  const quiet = ["--silent", "--fail", "--globoff", "--max-time", String(wait), "--noproxy", "*"];
  const { status, stdout } = await host.runAsync("curl", [...quiet, url], options);
  if (status !== 0) return undefined;
  const { page, client } = parseObject(stdout);
  return { at: String(page), source: String(client) };
}
