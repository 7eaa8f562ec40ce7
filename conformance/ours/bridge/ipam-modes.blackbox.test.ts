/** bridge with host-local in its own process and in a process of its own: nobody can tell the difference. */
import assert from "node:assert/strict";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { ipJson } from "../../harness/host/inspect.ts";
import { asObject, type JsonObject, parse } from "../../harness/host/json.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { type Command, type PluginCall, pluginEnvironment } from "../../harness/plugins/plugin-call.ts";

const binDir = pluginFolder();
const bin = `${binDir}/bridge`;

type Step = {
  command: Command;
  container?: string;
  /** Replaces members of the case's ipam. */
  ipam?: JsonObject;
  /** Replaces members of the configuration. */
  more?: JsonObject;
  args?: string;
};

type Case = {
  what: string;
  /** What the calls must come to, so that no two equal misunderstandings pass: exit statuses in order. */
  statuses: number[];
  /** For ipam, beside type and dataDir. */
  ipam: JsonObject;
  more?: JsonObject;
  prepare?: (host: Host, dataDir: string) => Promise<void> | void;
  dataDir?: string;
  steps: Step[];
};

const add = (container = "c1", rest: Omit<Step, "command"> = {}): Step => ({
  command: "ADD",
  container,
  ...rest,
});
const del = (container = "c1"): Step => ({ command: "DEL", container });
const check = (container = "c1"): Step => ({ command: "CHECK", container });
const status: Step = { command: "STATUS" };
const gc = (...containers: string[]): Step => ({
  command: "GC",
  more: {
    "cni.dev/valid-attachments": containers.map((containerID) => ({ containerID, ifname: "eth0" })),
  },
});
const all = [status, add(), check(), del(), gc()];

const subnet = { subnet: "10.1.2.0/24" };
const dual = { ranges: [[subnet], [{ subnet: "2001:db8:5::/64" }]] };

const cases: Case[] = [
  {
    what: "two containers come and go",
    ipam: dual,
    steps: [status, add(), check(), add("c2"), check("c2"), del(), del(), add(), gc("c2"), gc(), status],
    statuses: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  },
  ...["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"].map((cniVersion) => ({
    what: `version ${cniVersion}, with routes and DNS`,
    more: { cniVersion, isDefaultGateway: true },
    ipam: {
      ...dual,
      routes: [{ dst: "10.9.0.0/16" }, { dst: "fd00:9::/64", gw: "2001:db8:5::9" }],
      resolvConf: "/run/resolv.conf",
    },
    prepare: (host: Host) =>
      host.writeFile("/run/resolv.conf", "nameserver 10.1.2.53\nsearch a b\noptions ndots:2\n"),
    steps: [add(), del()],
    statuses: [0, 0],
  })),
  {
    what: "a requested address, and one that is taken",
    ipam: subnet,
    steps: [
      add("c1", { args: "IgnoreUnknown=1;IP=10.1.2.77" }),
      add("c2", { args: "IgnoreUnknown=1;IP=10.1.2.77" }),
      add("c3"),
    ],
    statuses: [0, 1, 0],
  },
  {
    what: "no address left",
    ipam: { subnet: "10.1.2.0/30" },
    steps: [add(), add("c2"), status, del(), status],
    statuses: [0, 1, 1, 0, 0],
  },
  {
    what: "a bad range",
    ipam: { ...subnet, rangeStart: "10.9.0.1" },
    steps: all,
    statuses: [1, 1, 1, 0, 0],
  },
  { what: "no range", ipam: {}, steps: all, statuses: [0, 1, 1, 0, 0] },
  { what: "a value of a wrong type", ipam: { subnet: 5 }, steps: all, statuses: [1, 1, 1, 0, 0] },
  {
    what: "keys that nobody knows",
    ipam: { ...subnet, colour: "green", SUBNETS: null },
    more: { shape: ["round"] },
    steps: all,
    statuses: [0, 0, 0, 0, 0],
  },
  {
    what: "CNI_ARGS that are no address, or of no meaning",
    ipam: subnet,
    steps: [
      add("c1", { args: "IgnoreUnknown=1;IP=junk" }),
      add("c1", { args: "IgnoreUnknown=1;IP=10.9.9.9" }),
      add("c1", { args: "IgnoreUnknown=1;COLOUR=green" }),
    ],
    statuses: [1, 1, 0],
  },
  {
    what: "a resolv.conf that is not there",
    ipam: { ...subnet, resolvConf: "/run/none" },
    steps: [add(), del()],
    statuses: [1, 0],
  },
  {
    what: "somebody else has the lock",
    ipam: { ...subnet, lockTimeout: 0 },
    prepare: async (host, dataDir) => {
      host.run("mkdir", ["-p", `${dataDir}/net1`]);
      const holds = 'exec 9>"$1"; flock 9; echo ready; exec sleep 600';
      await host.start("sh", ["-c", holds, "sh", `${dataDir}/net1/lock`]);
    },
    steps: all,
    statuses: [0, 1, 1, 1, 1],
  },
  {
    what: "a place for leases that cannot be",
    dataDir: "/run/leases",
    ipam: subnet,
    prepare: (host) => host.writeFile("/run/leases", ""),
    steps: all,
    statuses: [1, 1, 1, 0, 0],
  },
  {
    what: "a place for leases that is read-only",
    ipam: subnet,
    prepare: (host, dataDir) => {
      host.run("mount", ["-t", "tmpfs", "-o", "ro", "none", dataDir]);
    },
    steps: all,
    statuses: [1, 1, 1, 0, 0],
  },
  {
    what: "a place for leases beside the working directory",
    dataDir: "leases",
    ipam: subnet,
    steps: all,
    statuses: [0, 0, 0, 0, 0],
  },
  {
    what: "bridge fails behind its IPAM plugin: the lease is given back",
    ipam: subnet,
    prepare: (host) => {
      host.run("ip", ["link", "add", "bridge0", "type", "bridge"]);
      host.run("ip", ["address", "add", "10.77.0.1/24", "dev", "bridge0"]);
    },
    steps: [add(), add("c2", { more: { isGateway: false } }), del("c2")],
    statuses: [1, 0, 0],
  },
  {
    what: "a lease that CHECK misses",
    ipam: subnet,
    steps: [add(), { command: "CHECK", container: "c1", ipam: { dataDir: "/run/elsewhere" } }, del()],
    statuses: [0, 1, 0],
  },
];

for (const one of cases) {
  test(one.what, async (t) => {
    if (expectPeer) return;
    const within = await outcome(t, one, {});
    const apart = await outcome(t, one, { ipamInProcess: false });
    const { statuses, steps } = one;
    assert.deepEqual(within.statuses, statuses, JSON.stringify(within.answers, null, 1));
    assert.deepEqual(within.answers, apart.answers);
    assert.deepEqual(within.files, apart.files);
    assert.equal(within.programs, steps.length, "bridge alone was started");
    assert.ok(apart.programs > steps.length, "host-local was started");
  });
}

type Outcome = { statuses: (number | null)[]; answers: string[]; files: string[]; programs: number };

/** What the calls of a case come to in a host of their own. */
async function outcome(t: TestContext, one: Case, mode: JsonObject): Promise<Outcome> {
  const host = await hostFor(t);
  const dataDir = one.dataDir ?? host.tempDir();
  await one.prepare?.(host, dataDir);
  const done: Outcome = { statuses: [], answers: [], files: [], programs: 0 };
  const results = new Map<string, unknown>();
  for (const { command, container, ipam = {}, more = {}, args } of one.steps) {
    const config: JsonObject = {
      cniVersion: "1.1.0",
      name: "net1",
      type: "bridge",
      bridge: "bridge0",
      isGateway: true,
      ...one.more,
      ...more,
      ...mode,
      ipam: { type: "host-local", dataDir, ...one.ipam, ...ipam },
    };
    // CHECK compares what ADD said; after a failed ADD it gets something to fail on.
    if (command === "CHECK") config["prevResult"] = results.get(container ?? "") ?? { cniVersion: "1.1.0" };
    const call: PluginCall = { command, ...(args === undefined ? {} : { args }) };
    if (container !== undefined) {
      if (!host.run("ip", ["netns"]).stdout.split(/\s/).includes(container)) host.addNetns(container);
      Object.assign(call, { containerId: container, netns: `/run/netns/${container}`, ifname: "eth0" });
    }
    const trace = ["-f", "-qq", "-e", "trace=execve", "-o", "/run/test/trace", bin];
    const { status, stdout, stderr } = host.run("strace", trace, {
      input: JSON.stringify(config),
      env: pluginEnvironment(bin, call),
      check: false,
    });
    done.programs += host.readFile("/run/test/trace").match(/ execve\(.* = 0$/gm)?.length ?? 0;
    if (command === "ADD" && status === 0) results.set(container ?? "", parse(stdout));
    done.statuses.push(status);
    done.answers.push(`${command} ${container}: ${status} ${withoutChance(stdout)} ${stderr}`);
    const links = ipJson(host, ["link", "show", "type", "veth"]).map((link) => String(link["ifname"]));
    done.files.push(`after ${command}: ${links.sort().join()}`);
    done.files.push(...fileLines(host.outside(dataDir.startsWith("/") ? dataDir : `/run/empty/${dataDir}`)));
  }
  return done;
}

/** Text without MACs, times, process IDs and the number of the test's folder. */
function withoutChance(text: string): string {
  return text
    .replace(/(?:[0-9a-f]{2}:){5}[0-9a-f]{2}/g, "MAC")
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
    .replace(/process \d+/g, "process N");
}

/** Everything below a folder: names, kinds, modes and contents, but not inodes and times. */
function fileLines(folder: string, name = ""): string[] {
  const path = `${folder}${name}`;
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  const line = `${name} ${stat.mode.toString(8)}`;
  if (stat.isDirectory()) {
    return [
      line,
      ...readdirSync(path)
        .sort()
        .flatMap((entry) => fileLines(folder, `${name}/${entry}`)),
    ];
  }
  // An owner's record: boot, and for each lease its address and the identity of its file.
  if (stat.isSymbolicLink()) return [`${line} ${readlinkSync(path).replace(/\b\w+\.\w+(?= |$)/g, "FILE")}`];
  const text = readFileSync(path, "utf8");
  if (!name.endsWith("/state")) return [`${line} ${JSON.stringify(text)}`];
  const { earlier, searched, sets } = asObject(parse(text.slice(9).split("\n")[0] ?? ""));
  return [`${line} ${withoutChance(JSON.stringify({ earlier, searched, sets }))}`];
}
