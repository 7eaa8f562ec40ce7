/**
 * Leases of containers that a reboot ended are given out again when a range is full, and never one that may be in use.
 *
 * A reboot is another text in the place of the kernel's boot ID, in the mount namespace of one call. Each call has a
 * network namespace of its own; the PID namespace is the machine's, since elsewhere nothing is ever reclaimed.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import {
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { runCommand, toolEnvironment } from "../../harness/host/command.ts";
import { type Host, hostFor } from "../../harness/host/host.ts";
import type { JsonObject } from "../../harness/host/json.ts";
import { parse } from "../../harness/host/json.ts";
import { pluginFolder } from "../../harness/plugins/binaries.ts";
import { ensurePeer } from "../../harness/plugins/peers.ts";
import { type Command, callPlugin, pluginEnvironment } from "../../harness/plugins/plugin-call.ts";
import { firstAddress } from "../../harness/plugins/result.ts";

const ours = `${pluginFolder()}/host-local`;
const peers = `${ensurePeer().binDir}/host-local`;
const boots = [1, 2, 3].map((digit) => `${`${digit}`.repeat(8)}-2222-4333-8444-555555555555`);
const machines = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"] as const;
/** Five addresses to give out, used on no machine (RFC 2544), nor by this file when it runs twice at a time. */
const [third, fourth] = [randomInt(256), 8 * randomInt(32)];
const subnet = `198.18.${third}.${fourth}/29`;
const addressOf = (index: number): string => `198.18.${third}.${fourth + index + 2}`;

/**
 * A sandbox may hide what its first process does even from root, and then rightly nothing is reclaimed. An empty folder
 * in the place of such a process makes the rest of the machine a whole one.
 */
const hideUnreadable = readdirSync("/proc")
  .filter((name) => /^\d+$/.test(name) && isUnreadable(name))
  .map((pid) => `mount -t tmpfs none /proc/${pid}`)
  .join("\n");

function isUnreadable(pid: string): boolean {
  try {
    readlinkSync(`/proc/${pid}/ns/net`);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EACCES";
  }
}

/**
 * Makes `root` the root directory, with what a call needs below it: the machine's own network namespaces are mounted
 * nowhere any more, also those below other mounts, which nobody can look into.
 */
const leaveMounts = (root: string, ...folders: string[]): string => `
  mount --bind / ${root}
  for folder in /proc /sys /dev; do mount --rbind $folder ${root}$folder; done
  for folder in /usr ${folders.join(" ")}; do mount --bind $folder ${root}$folder; done
  cd ${root}
  pivot_root . .
  umount --lazy .`;

type Where = {
  boot?: 0 | 1 | 2;
  machine?: 0 | 1;
  network?: string;
  ifname?: string;
  bin?: string;
  prepare?: string;
  /** The shell lines that run the executable. */
  run?: string;
};

class Node {
  readonly dataDir: string;
  /** No process has it in its command line by chance. */
  readonly prefix = `hl${Math.random().toString(36).slice(2)}`;
  ipam: JsonObject = { subnet };

  constructor(t: TestContext) {
    this.dataDir = mkdtempSync(join(tmpdir(), "reclaim-"));
    t.after(() => rmSync(this.dataDir, { recursive: true }));
    mkdirSync(join(this.dataDir, "root"));
    for (const id of [...boots, ...machines]) writeFileSync(join(this.dataDir, id), `${id}\n`);
  }

  id(name: string): string {
    return `${this.prefix}${name}`;
  }

  call(command: Command, name: string, where: Where = {}): { status: number | null; stdout: string } {
    const { boot = 0, machine = 0, network = "net", ifname = "eth0", bin = ours } = where;
    const { prepare = "", run = `exec ${bin}` } = where;
    const script = `
      set -e
      ${leaveMounts(join(this.dataDir, "root"), this.dataDir, dirname(ours), dirname(peers))}
      mount --bind ${this.dataDir}/${boots[boot]} /proc/sys/kernel/random/boot_id
      mount --bind ${this.dataDir}/${machines[machine]} /etc/machine-id
      ${hideUnreadable}
      ${prepare}
      ${run}`;
    const call = { command, containerId: this.id(name), netns: "/none", ifname };
    const config = {
      cniVersion: "1.1.0",
      name: network,
      type: "x",
      ipam: { ...this.ipam, dataDir: this.dataDir },
    };
    return runCommand(["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", script], {
      input: JSON.stringify(config),
      env: pluginEnvironment(bin, call),
      check: false,
    });
  }

  ok(command: Command, name: string, where: Where = {}): string {
    const { status, stdout } = this.call(command, name, where);
    assert.equal(status, 0, stdout);
    return command === "ADD" ? firstAddress(parse(stdout)) : "";
  }

  /** Fills the range with containers a to e. */
  fill(where: Where = {}): void {
    for (const name of ["a", "b", "c", "d", "e"]) this.ok("ADD", name, where);
  }

  refused(name: string, where: Where): void {
    const { status, stdout } = this.call("ADD", name, where);
    assert.equal(status, 1, stdout);
    assert.match(stdout, /"code": 104,/);
    assert.match(stdout, /no IP addresses available in range set/);
  }

  /** Address and container of each lease. */
  leases(network = "net"): Record<string, string> {
    const directory = join(this.dataDir, network);
    const names = readdirSync(directory).filter((name) => /^198/.test(name));
    const owner = (name: string): string =>
      readFileSync(join(directory, name), "utf8").split("\r\n")[0] ?? "";
    return Object.fromEntries(names.sort().map((name) => [name, owner(name).slice(this.prefix.length)]));
  }
}

/** Runs our host-local, stops it when it first looks at a named namespace, and removes that before it goes on. */
const removingAtFirstLook = (netns: string, before = "true"): string => `
  log=$(mktemp -p /run)
  exec 3<&0
  strace -f -o $log -P /run/netns/${netns} -e trace=%file -e inject=%file:signal=SIGSTOP:when=1 ${ours} <&3 &
  until grep -q 'stopped by SIGSTOP' $log; do
    if grep -q '+++ exited' $log; then echo "it never looked at ${netns}"; exit 9; fi
    sleep 0.05
  done
  ${before}
  ip netns delete ${netns}
  # Each kind of system call stops it once.
  while kill -CONT $(sed 's/ .*//; q' $log) 2>/dev/null; do sleep 0.05; done
  wait $!`;

/** A process with network and command line of a container; it ends with the test. */
async function container(t: TestContext, setup: string, ...words: string[]): Promise<ChildProcess> {
  const script = `${setup}; echo ready; cat; exit`;
  const child = spawn("unshare", ["--net", "sh", "-c", script, ...words], { env: toolEnvironment });
  t.after(async () => {
    child.stdin.end();
    await once(child, "exit");
  });
  await once(child.stdout, "data");
  return child;
}

test("a full range gives out the addresses of containers from before the reboot", (t) => {
  const node = new Node(t);
  node.fill();
  node.refused("f", { boot: 0 });
  assert.equal(node.ok("ADD", "f", { boot: 1 }), addressOf(0));
  assert.deepEqual(node.leases(), { [addressOf(0)]: "f" });
  node.ok("CHECK", "f", { boot: 1, bin: peers });
  // The late DEL of a container from before does no harm.
  node.ok("DEL", "a", { boot: 1 });
  assert.deepEqual(node.leases(), { [addressOf(0)]: "f" });
});

test("STATUS makes room as well: a runtime that hears of no room calls no ADD", (t) => {
  const node = new Node(t);
  node.fill();
  assert.match(node.call("STATUS", "", { boot: 0 }).stdout, /"code": 50,/);
  node.ok("STATUS", "", { boot: 1 });
  assert.deepEqual(node.leases(), {});
});

test("nothing is reclaimed while addresses are left, or with the key reclaim switched off", (t) => {
  const node = new Node(t);
  for (const name of ["a", "b", "c", "d"]) node.ok("ADD", name);
  node.ok("ADD", "e", { boot: 1 });
  assert.equal(Object.keys(node.leases()).length, 5);
  node.ipam = { subnet, reclaim: false };
  node.refused("f", { boot: 1 });
  assert.match(node.call("STATUS", "", { boot: 1 }).stdout, /"code": 50,/);
  node.ipam = { subnet };
  node.ok("ADD", "f", { boot: 1 });
  assert.deepEqual(Object.values(node.leases()).sort(), ["e", "f"]);
});

test("an address that a process's namespace has is not given out", async (t) => {
  const node = new Node(t);
  node.fill();
  await container(t, `ip address add ${addressOf(2)}/32 dev lo`);
  assert.equal(node.ok("ADD", "f", { boot: 1 }), addressOf(0));
  assert.deepEqual(node.leases(), { [addressOf(0)]: "f", [addressOf(2)]: "c" });
});

test("an address that a namespace without processes has is not given out", (t) => {
  const node = new Node(t);
  node.fill();
  const prepare = `mount -t tmpfs none /run && ip netns add c && ip -n c address add ${addressOf(0)}/24 dev lo`;
  assert.equal(node.ok("ADD", "f", { boot: 1, prepare }), addressOf(1));
  assert.deepEqual(node.leases(), { [addressOf(0)]: "a", [addressOf(1)]: "f" });
});

test("a namespace that is removed while the machine is searched does not end the search", (t) => {
  const node = new Node(t);
  node.fill();
  const prepare = "mount -t tmpfs none /run; ip netns add kept; ip netns add gone";
  assert.equal(node.ok("ADD", "f", { boot: 1, prepare, run: removingAtFirstLook("gone") }), addressOf(0));
  assert.deepEqual(node.leases(), { [addressOf(0)]: "f" });
});

test("a namespace that is mounted elsewhere while the machine is searched keeps its address", (t) => {
  const node = new Node(t);
  node.fill();
  const prepare = `mount -t tmpfs none /run; ip netns add c; ip -n c address add ${addressOf(0)}/24 dev lo; touch /run/c`;
  const run = removingAtFirstLook("c", "mount --bind /run/netns/c /run/c");
  assert.equal(node.ok("ADD", "f", { boot: 1, prepare, run }), addressOf(1));
  assert.deepEqual(node.leases(), { [addressOf(0)]: "a", [addressOf(1)]: "f" });
});

test("while a namespace lies below another mount, where nobody can look, nothing is reclaimed", (t) => {
  const node = new Node(t);
  node.fill();
  const hide = "mount -t tmpfs none /run; ip netns add c; mount -t tmpfs none /run";
  node.refused("f", { boot: 1, prepare: hide });
  assert.equal(Object.keys(node.leases()).length, 5);
});

test("a container that has a process keeps its address", async (t) => {
  const node = new Node(t);
  node.fill();
  await container(t, "true", `--id=${node.id("b")}`);
  node.ok("ADD", "f", { boot: 1 });
  assert.deepEqual(Object.values(node.leases()).sort(), ["b", "f"]);
});

test("leases of the Go plugin count as of the boot in which they are first seen", (t) => {
  const node = new Node(t);
  node.fill({ bin: peers });
  node.refused("f", { boot: 0 });
  assert.equal(Object.keys(node.leases()).length, 5);
  node.ok("ADD", "f", { boot: 1 });
  assert.deepEqual(Object.values(node.leases()), ["f"]);
});

test("leases that were never seen before this boot stay", (t) => {
  const node = new Node(t);
  node.fill({ bin: peers, boot: 0 });
  node.refused("f", { boot: 1 });
});

test("a lease that the Go plugin made in this boot in the place of an old one stays", (t) => {
  const node = new Node(t);
  node.fill();
  node.ok("DEL", "c", { boot: 1, bin: peers });
  node.ok("ADD", "z", { boot: 1, bin: peers });
  node.ok("ADD", "f", { boot: 1 });
  assert.deepEqual(Object.values(node.leases()).sort(), ["f", "z"]);
  // Also when the container has the same name.
  const other = new Node(t);
  other.fill();
  other.ok("DEL", "c", { boot: 1, bin: peers });
  other.ok("ADD", "c", { boot: 1, bin: peers });
  other.ok("ADD", "f", { boot: 1 });
  assert.deepEqual(Object.values(other.leases()).sort(), ["c", "f"]);
});

for (const [who, bin] of [
  ["us", ours],
  ["the Go plugin", peers],
] as const) {
  test(`a container that ${who} attached to another network of the directory in this boot keeps its address`, (t) => {
    const node = new Node(t);
    node.fill();
    node.ok("ADD", "d", { boot: 1, network: "net2", bin });
    node.ok("ADD", "f", { boot: 1 });
    assert.deepEqual(Object.values(node.leases()).sort(), ["d", "f"]);
    assert.deepEqual(node.leases("net2"), { [addressOf(0)]: "d" });
  });
}

test("a container that was attached with another interface in this boot keeps its address", (t) => {
  const node = new Node(t);
  for (const name of ["a", "b", "c", "d"]) node.ok("ADD", name);
  node.ok("ADD", "b", { boot: 1, ifname: "net1" });
  node.ok("ADD", "f", { boot: 1 });
  assert.deepEqual(Object.values(node.leases()).sort(), ["b", "b", "f"]);
});

test("leases of another machine stay", (t) => {
  const node = new Node(t);
  node.fill({ machine: 0 });
  node.refused("f", { boot: 1, machine: 1 });
  node.ok("ADD", "f", { boot: 2, machine: 0 });
});

test("a machine that does not know which it is reclaims nothing", (t) => {
  const node = new Node(t);
  const prepare = "mount --bind /dev/null /etc/machine-id";
  node.fill({ prepare });
  node.refused("f", { boot: 1, prepare });
});

test("the clock has no part in it: leases from the future and from long ago", (t) => {
  const node = new Node(t);
  node.fill();
  node.ok("DEL", "e");
  node.ok("ADD", "g", { boot: 1 });
  for (const [address, name] of Object.entries(node.leases())) {
    const time = name === "g" ? 100_000_000 : 4_000_000_000;
    utimesSync(join(node.dataDir, "net", address), time, time);
  }
  node.ok("ADD", "f", { boot: 1 });
  assert.deepEqual(Object.values(node.leases()).sort(), ["f", "g"]);
});

test("a restored image of the disk does not give out the address of a container that runs", async (t) => {
  const node = new Node(t);
  node.fill();
  const folders = ["net", ".host-local"].map((name) => join(node.dataDir, name));
  const [leases = "", index = ""] = folders;
  const image = join(node.dataDir, "image");
  mkdirSync(image);
  // Links, so that the files come back as the very same: as they do in an image of the whole file system.
  for (const name of readdirSync(leases)) linkSync(join(leases, name), join(image, name));
  cpSync(index, `${image}.index`, { recursive: true, verbatimSymlinks: true });
  for (const name of ["a", "b", "c", "d", "e"]) node.ok("DEL", name, { boot: 1 });
  const address = node.ok("ADD", "z", { boot: 1 });
  await container(t, `ip address add ${address}/29 dev lo`);

  for (const name of readdirSync(leases)) rmSync(join(leases, name));
  for (const name of readdirSync(image)) linkSync(join(image, name), join(leases, name));
  rmSync(index, { recursive: true });
  cpSync(`${image}.index`, index, { recursive: true, verbatimSymlinks: true });
  rmSync(image, { recursive: true });
  assert.equal(Object.keys(node.leases()).length, 5);
  assert.notEqual(node.ok("ADD", "f", { boot: 1 }), address);
  assert.equal(Object.keys(node.leases()).length, 2);
  assert.ok(address in node.leases());
});

test("in a container, where not all processes can be seen, nothing is reclaimed", async (t) => {
  const host: Host = await hostFor(t);
  const dataDir = host.tempDir();
  const call = (command: Command, containerId: string) => {
    const config = { cniVersion: "1.1.0", name: "net", type: "x", ipam: { subnet, dataDir } };
    return callPlugin(host, ours, { command, containerId, netns: "/none", ifname: "eth0" }, config);
  };
  for (const id of ["a", "b", "c", "d", "e"]) assert.equal(call("ADD", id).status, 0);
  host.writeFile("/run/boot", `${boots[1]}\n`);
  host.run("mount", ["--bind", "/run/boot", "/proc/sys/kernel/random/boot_id"]);
  assert.match(call("ADD", "f").stdout, /"code": 104,/);
});
