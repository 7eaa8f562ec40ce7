/** host-local killed at every system call by which it works on its files: nothing is lost, nothing is torn. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { pluginFolder } from "../../harness/plugins/binaries.ts";
import { ensurePeer } from "../../harness/plugins/peers.ts";
import {
  type Command,
  callPlugin,
  type PluginResponse,
  pluginEnvironment,
} from "../../harness/plugins/plugin-call.ts";
import { assertExactIndex, leaseContents, leaseFolders } from "./lease-index.ts";

const ours = `${pluginFolder()}/host-local`;
const peers = `${ensurePeer().binDir}/host-local`;

/** What touches files. The others (memory, threads) change nothing that is left behind. */
const fileCalls =
  "openat mkdir linkat symlink unlink utimensat flock write pwrite64 fsync close read readlink statx getdents64 " +
  "newfstatat statfs exit_group";

/** A directory with the lease of a neighbour, on which one call of container "a" is killed. */
class Trial {
  readonly host: Host;
  readonly dataDir: string;

  constructor(host: Host) {
    this.host = host;
    this.dataDir = host.tempDir();
  }

  get folders() {
    return leaseFolders(this.host.outside(this.dataDir), "net");
  }

  call(bin: string, command: Command, containerId: string): PluginResponse {
    return callPlugin(this.host, bin, this.#variables(command, containerId), this.#config());
  }

  ok(bin: string, command: Command, containerId: string): void {
    const { status, stdout } = this.call(bin, command, containerId);
    assert.equal(status, 0, `${command} ${containerId} by ${bin}: ${stdout}`);
  }

  /** A call under strace; its output goes to `trace`, and it may be killed half-way. */
  strace(command: Command, options: readonly string[]): void {
    this.host.run("strace", ["-o", `${this.dataDir}/trace`, "-s", "200", ...options, ours], {
      input: JSON.stringify(this.#config()),
      env: pluginEnvironment(ours, this.#variables(command, "a")),
      check: false,
    });
  }

  trace(): string {
    return this.host.readFile(`${this.dataDir}/trace`);
  }

  /** Every lease is whole, and the neighbour's is there. */
  assertWhole(tolerated = "a\r\neth0"): void {
    const contents = Object.values(leaseContents(this.folders));
    assert.ok(contents.includes("n\r\neth0"), "the neighbour's lease is there");
    assert.deepEqual(
      contents.filter(
        (content) => content !== "n\r\neth0" && content !== "a\r\neth0" && content !== tolerated,
      ),
      [],
    );
    assert.ok(contents.length <= 2);
  }

  #variables(command: Command, containerId: string) {
    return { command, containerId, netns: "/none", ifname: "eth0" };
  }

  #config() {
    const ipam = { type: "host-local", subnet: "10.1.0.0/24", dataDir: this.dataDir };
    return { cniVersion: "1.0.0", name: "net", type: "bridge", ipam };
  }
}

/** One place to be killed: the system call of this name with this number. */
type Place = { call: string; number: number };

/** The calls of a traced run from the first that has to do with the data directory on. */
function placesIn(trace: string, dataDir: string): Place[] {
  const counts = new Map<string, number>();
  const places: Place[] = [];
  let reached = false;
  for (const line of trace.split("\n")) {
    const call = /^(\w+)\(/.exec(line)?.[1];
    if (call === undefined) continue;
    const number = (counts.get(call) ?? 0) + 1;
    counts.set(call, number);
    reached ||= line.includes(dataDir);
    if (reached && fileCalls.split(" ").includes(call)) places.push({ call, number });
  }
  return places;
}

type Scenario = {
  what: string;
  command: "ADD" | "DEL";
  /** Run before, beside the neighbour's ADD. */
  prepare: (trial: Trial) => void;
  /** Options of strace for every run. */
  options?: (trace: string, dataDir: string) => string[];
};

const add = (bin: string, id: string) => (trial: Trial) => trial.ok(bin, "ADD", id);
const nothing = () => {};

const scenarios: Scenario[] = [
  { what: "ADD", command: "ADD", prepare: nothing },
  { what: "DEL", command: "DEL", prepare: add(ours, "a") },
  {
    what: "ADD after work of the Go plugin",
    command: "ADD",
    prepare: (trial) => {
      trial.ok(peers, "ADD", "b");
      trial.ok(peers, "DEL", "b");
    },
  },
  { what: "DEL of a lease of the Go plugin", command: "DEL", prepare: add(peers, "a") },
  {
    what: "ADD where files cannot be made without a name",
    command: "ADD",
    prepare: nothing,
    options: (trace) => {
      const opened = trace.split("\n").filter((line) => line.startsWith("openat("));
      const number = opened.findIndex((line) => line.includes("O_TMPFILE") && line.includes("0600")) + 1;
      assert.notEqual(number, 0);
      return ["-e", `inject=openat:error=EOPNOTSUPP:when=${number}`];
    },
  },
];

for (const scenario of scenarios) {
  test(`kill -9 at every system call: ${scenario.what}`, async (t) => {
    const host = await hostFor(t);
    const options = scenario.options === undefined ? [] : scenario.options(traced(host, scenario, []), "");
    const first = prepared(host, scenario);
    first.strace(scenario.command, options);
    const places = placesIn(first.trace(), first.dataDir)
      // strace injects one thing into one kind of call.
      .filter(({ call }) => options.length === 0 || call !== "openat");
    assert.ok(places.length > 20, "the traced call worked on its files");
    let killed = 0;
    for (const [index, place] of places.entries()) {
      const trial = prepared(host, scenario);
      const inject = `inject=${place.call}:signal=SIGKILL:when=${place.number}`;
      trial.strace(scenario.command, [...options, "-e", inject]);
      // Threads make the number of some calls differ by one or two from run to run.
      if (/killed by SIGKILL/.test(trial.trace())) killed += 1;
      try {
        // Where a lease has to be written under its name, it can be left empty, until the next call.
        trial.assertWhole(options.length === 0 ? undefined : "");
        goesOn(trial, scenario.command, index % 2 === 0);
      } catch (error) {
        const reason = error instanceof Error ? error.message : error;
        throw new Error(`killed at ${place.call} ${place.number}: ${reason}`, { cause: error });
      }
    }
    t.diagnostic(`killed at ${killed} of ${places.length} places`);
    assert.ok(killed > 0.9 * places.length, `${killed} of ${places.length}`);
  });
}

function prepared(host: Host, { prepare }: Scenario): Trial {
  const trial = new Trial(host);
  trial.ok(ours, "ADD", "n");
  prepare(trial);
  return trial;
}

function traced(host: Host, scenario: Scenario, options: readonly string[]): string {
  const trial = prepared(host, scenario);
  trial.strace(scenario.command, options);
  return trial.trace();
}

/** What follows the killed call works, of either plugin, and leaves nothing. */
function goesOn(trial: Trial, command: "ADD" | "DEL", byOurs: boolean): void {
  if (command === "ADD") retryAdd(trial, byOurs);
  else {
    trial.ok(byOurs ? ours : peers, "DEL", "a");
    trial.ok(ours, "ADD", "a");
  }
  trial.assertWhole();
  assertExactIndex(trial.folders);
  trial.ok(peers, "CHECK", "a");
  trial.ok(peers, "CHECK", "n");
  trial.ok(byOurs ? peers : ours, "DEL", "a");
  trial.ok(ours, "DEL", "a");
  assert.deepEqual(Object.values(leaseContents(trial.folders)), ["n\r\neth0"]);
  assertExactIndex(trial.folders);
}

/** As a runtime does, by DEL first; or at once, which is refused when the killed call had come far enough. */
function retryAdd(trial: Trial, byDel: boolean): void {
  if (byDel) trial.ok(ours, "DEL", "a");
  const { status, stdout } = trial.call(ours, "ADD", "a");
  if (status === 0) return;
  assert.match(stdout, /duplicate allocation is not allowed/);
  assert.ok(!byDel, "after DEL there is nothing to refuse");
  assert.ok(Object.values(leaseContents(trial.folders)).includes("a\r\neth0"));
}
