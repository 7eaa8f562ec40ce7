import { type JsonObject, parse } from "../../harness/host/json.ts";
import type { CallStep, ErrorCode, Stdin } from "../../scenario/call-step.ts";
import type { Scenario, Step } from "../../scenario/scenario.ts";
import { unplugged } from "../bridge/parts.ts";

/**
 * One broken input: what it is, the part of the configuration as JSON text (or other parts of the call), the error
 * codes that are right (`"legal"` when a plugin may also take it), and what the message must name.
 */
export type Broken = readonly [
  what: string,
  input: string | Partial<CallStep>,
  code: ErrorCode | readonly ErrorCode[] | "legal",
  names?: string,
];

export type Group = {
  name: string;
  plugin: string;
  source: string;
  /** The keys that every configuration of the group has, as JSON text. */
  base: string;
  /** Default: ADD. */
  call?: CallStep["call"];
  /** Default: eth0. */
  ifname?: string;
  setUp?: readonly Step[];
  /** What must be so afterwards. */
  after?: readonly Step[];
  table: readonly Broken[];
};

/** SPEC 1.1.0, section 5, Error. */
export const decoding = 6;
export const invalid = 7;
export const environment = 4;
/** Either may be said of a value of the right type that is none, such as a number that is too big. */
export const value = [6, 7] as const;
/** Where no code of the specification says it better, a plugin may also choose one of its own. */
export const own: readonly ErrorCode[] = [invalid, { atLeast: 100 }];

/** So many inputs make a scenario. */
const size = 25;

/** A group as scenarios: every input is refused, and afterwards all is as before. */
export function scenarioOf(group: Group): Scenario[] {
  const { name, plugin, source, setUp = [], after = [], table } = group;
  const count = Math.ceil(table.length / size);
  return Array.from({ length: count }, (_none, index) => ({
    name: `${plugin}: ${name}${count === 1 ? "" : `, ${index + 1} of ${count}`}`,
    plugin,
    source,
    steps: [
      ...setUp,
      { mark: true },
      { each: table.slice(index * size, (index + 1) * size).map((broken) => callWith(group, broken)) },
      { unchanged: true, except: "furniture" },
      unplugged(),
      ...after,
    ],
  }));
}

function callWith({ call = "ADD", plugin, base, ifname = "eth0" }: Group, broken: Broken): CallStep {
  const [what, input, code, names] = broken;
  const expect: CallStep["expect"] =
    code === "legal" ? { either: true } : { error: { code, ...(names !== undefined && { names }) } };
  if (typeof input !== "string") return { config: objectOf(base), ifname, ...input, call, what, expect };
  return { call, what, ifname, stdin: configText(plugin, base, input), expect };
}

/** A whole configuration from texts of some of its keys; repeated keys stay repeated. */
export function configText(plugin: string, ...keys: string[]): string {
  const parts = ['"cniVersion":"1.1.0","name":"net1"', `"type":"${plugin}"`, ...keys].filter(
    (part) => part !== "",
  );
  return `{${parts.join(",")}}`;
}

/** A configuration with a piece that is repeated: too long to be written out. */
export function long(
  plugin: string,
  before: string,
  repeat: string,
  times: number,
  after: string,
): { stdin: Stdin } {
  const whole = configText(plugin, "\u0000");
  const [start = "", end = ""] = whole.split("\u0000");
  return { stdin: [`${start}${before}`, { repeat, times }, `${after}${end}`] };
}

function objectOf(base: string): JsonObject {
  const object: unknown = parse(`{${base}}`);
  return typeof object === "object" && object !== null ? { ...object } : {};
}
