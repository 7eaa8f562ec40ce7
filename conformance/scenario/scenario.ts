import type { Family } from "../harness/host/inspect.ts";
import type { JsonObject } from "../harness/host/json.ts";
import type { Section } from "../harness/host/snapshot.ts";
import type { Command } from "../harness/plugins/plugin-call.ts";
import type { CallStep, Expect } from "./call-step.ts";
import type { Pattern } from "./match.ts";
import type { World } from "./world.ts";

/**
 * One promise of a plugin: what a runtime calls, and what a user then sees. Scenarios are data, so that they can be
 * read as documentation, listed, filtered and repeated by hand; `do` steps are for what data cannot say.
 *
 * Every scenario runs in a scratch host of its own. After its last step the runner deletes what was added and not
 * deleted, and demands that nothing is left (see `leaves`).
 */
export type Scenario = {
  /** What is promised, in a few words; unique in its suite. */
  name: string;
  /** The plugin that is judged, and the one that calls run unless they name another. */
  plugin: string;
  /** Where the promise comes from: a clause of the specification, a manual, an issue thread. */
  source: string;
  /** The spec versions to try it in. Default: the newest. */
  versions?: Versions;
  /** What the machine must have. */
  needs?: readonly Need[];
  /** Namespaces made before the first step, as /run/netns/NAME. Default: `c1`. */
  containers?: readonly string[];
  /** Joins a namespace `outside` that stands for the rest of the world (192.0.2.2, 2001:db8:ffff::2). */
  outside?: boolean;
  /** What may be left after the last DEL, by section of a snapshot, beside host furniture (harness/plugins/furniture.ts). */
  leaves?: Partial<Record<Section, readonly string[]>>;
  steps: readonly Step[];
};

export type Versions = "all" | readonly string[] | { from?: string; to?: string };

/** What some kernels and machines lack; `iptables` also stands for its IPv6 half. */
export const needs = [
  "iptables",
  "nftables",
  "bridge netfilter",
  "bridge nftables",
  "vlan",
  "strace",
] as const;
export type Need = (typeof needs)[number];

/** All plugins of a list, as a runtime calls them: ADD and CHECK in order, DEL in reverse. */
export type ChainStep = {
  chain: Exclude<Command, "VERSION">;
  plugins: readonly JsonObject[];
  container?: string;
  ifname?: string;
  netns?: string;
  args?: string;
  /** What the runtime has for the capabilities: `portMappings`, `ipRanges`, … */
  capabilityArgs?: JsonObject;
  /** `"none"`: DEL without the cached result. */
  prevResult?: "none";
  network?: string;
  /** More keys of each plugin's configuration, such as `cni.dev/valid-attachments`. */
  config?: JsonObject;
  expect?: Expect;
};

/** Where a command runs or a packet starts: `host`, `outside`, or a container's name. */
export type Where = string;

/** A command of the machine; `status` null is any. */
export type RunStep = { run: readonly string[]; in?: Where; status?: number | null };

/**
 * A look at the kernel: the command's output, parsed when it is JSON, else its lines, must match, and its status be
 * `status` (default 0; null is any). It is tried until both are so, or `withinSeconds` (default 0, at once) are over.
 */
export type LookStep = {
  look: readonly string[];
  in?: Where;
  shows: Pattern;
  status?: number | null;
  withinSeconds?: number;
};

/**
 * Lines of `iptables-save`, each with its table before it (`nat -A POSTROUTING …`); see harness/host/inspect.ts. `are` is
 * all of them, in this order within each chain.
 */
export type RulesStep = {
  rules: Family;
  are?: readonly string[];
  has?: readonly Pattern[];
  lacks?: readonly Pattern[];
};

/** A server in a namespace, until the scenario ends. */
export type ServeStep = { serve: "tcp" | "udp"; in: Where; port: number };

/** A packet there and back. `from` must see the server of `page` (the namespace it runs in); or nothing arrives. */
export type PacketStep = {
  packet: "tcp" | "udp" | "ping";
  from: Where;
  to: string;
  port?: number;
  /** For UDP: the sender's port. Packets from the same one belong to the same conversation. */
  fromPort?: number;
  arrives: boolean;
  /** The namespace whose server must answer. */
  at?: Where;
  /** The address from which the server must see the packet come. */
  source?: string;
};

/** A file of the host: its text must match; null means that there is none. */
export type FileStep = { file: string; is: Pattern | null };
export type WriteStep = { write: string; content: string; mode?: number };

/** Everything of the host is as at the last `mark` (or at the start), but for the host's furniture with `except`. */
export type UnchangedStep = { unchanged: true; except?: "furniture" };
type MarkStep = { mark: true };

/** The steps at the same time; `times` repeats them with `${n}` counting from 1. */
export type ParallelStep = { parallel: readonly Step[]; times?: number };

/** Steps that do not build on one another: all are done, whatever fails, and every failure is told. */
export type EachStep = { each: readonly Step[] };

/** What data cannot say. Throws when it is not as it should be. */
type DoStep = { do: (world: World) => void | Promise<void>; what: string };

/** What an earlier step or the scenario says of a version only: the step is left out in others. */
type OnlyInVersions = { onlyIn?: Versions };

export type Step = (
  | CallStep
  | ChainStep
  | RunStep
  | LookStep
  | RulesStep
  | ServeStep
  | PacketStep
  | FileStep
  | WriteStep
  | UnchangedStep
  | MarkStep
  | ParallelStep
  | EachStep
  | DoStep
) &
  OnlyInVersions;

/** A named list of scenarios. */
export type Suite = { name: string; scenarios: readonly Scenario[] };
