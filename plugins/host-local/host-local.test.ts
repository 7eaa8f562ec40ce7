import assert from "node:assert/strict";
import { type SpawnSyncReturns, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";

/** Runs the plugin from its sources, on a data directory of its own. */
class Network {
  readonly dataDir: string;
  readonly directory: string;
  ipam: object = { subnet: "10.0.0.0/29" };
  /** Further top-level keys. */
  more: object = {};

  constructor(t: TestContext) {
    this.dataDir = mkdtempSync(join(tmpdir(), "host-local-"));
    this.directory = join(this.dataDir, "net");
    t.after(() => rmSync(this.dataDir, { recursive: true }));
  }

  config(): string {
    const ipam = { type: "host-local", dataDir: this.dataDir, ...this.ipam };
    return JSON.stringify({ cniVersion: "1.1.0", name: "net", type: "bridge", ipam, ...this.more });
  }

  call(command: string, containerId: string, env: Record<string, string> = {}): SpawnSyncReturns<string> {
    const done = spawnSync(process.execPath, [main], {
      input: this.config(),
      env: { ...environment(command, containerId), ...env },
      encoding: "utf8",
    });
    assert.equal(done.stderr, "");
    return done;
  }

  /** The result of a call that has to work. */
  ok(command: string, containerId: string, env: Record<string, string> = {}): string {
    const done = this.call(command, containerId, env);
    assert.equal(done.status, 0, done.stdout);
    return done.stdout;
  }

  /** The addresses that ADD gives. */
  add(containerId: string, env: Record<string, string> = {}): string {
    return addressesOf(this.ok("ADD", containerId, env));
  }

  /** "code msg" of a call that has to fail, and that changes nothing. */
  refused(command: string, containerId: string, env: Record<string, string> = {}): string {
    const before = this.files();
    const done = this.call(command, containerId, env);
    assert.equal(done.status, 1, done.stdout);
    assert.deepEqual(this.files(), before);
    const { code, msg } = JSON.parse(done.stdout);
    return `${code} ${msg}`;
  }

  /** What is kept beside the leases. */
  get sideDirectory(): string {
    return join(this.dataDir, ".host-local/net");
  }

  /** Container and interface of each record, with the text. */
  records(): Record<string, string> {
    const owners = join(this.sideDirectory, "owners");
    return Object.fromEntries(readdirSync(owners).map((name) => [name, readlinkSync(join(owners, name))]));
  }

  lease(name: string, content: string): void {
    mkdirSync(this.directory, { recursive: true });
    // A new file, as every program makes one: what is written into an old one is not seen at once.
    rmSync(join(this.directory, name), { force: true });
    writeFileSync(join(this.directory, name), content);
  }

  /** Names and contents of everything in the directory but the lock. */
  files(): Record<string, string> {
    const names = existsSync(this.directory) ? readdirSync(this.directory) : [];
    return Object.fromEntries(
      names
        .filter((name) => name !== "lock")
        .sort()
        .map((name) => [name, readFileSync(join(this.directory, name), "utf8")]),
    );
  }

  leases(): string[] {
    return Object.keys(this.files()).filter((name) => !name.startsWith("last_reserved_ip."));
  }
}

const main = join(import.meta.dirname, "main.ts");

/** Compiling the sources once, not for each of the many calls, halves the time of these tests. */
const compileCache = mkdtempSync(join(tmpdir(), "host-local-compiled-"));
after(() => rmSync(compileCache, { recursive: true }));

function environment(command: string, containerId: string): Record<string, string> {
  return {
    CNI_COMMAND: command,
    CNI_CONTAINERID: containerId,
    CNI_NETNS: "/none",
    CNI_IFNAME: "eth0",
    CNI_PATH: "/none",
    NODE_COMPILE_CACHE: compileCache,
  };
}

function addressesOf(stdout: string): string {
  const { ips }: { ips: { address: string }[] } = JSON.parse(stdout);
  return ips.map(({ address }) => address).join(" ");
}

test("ADD, CHECK and DEL of a dual-stack attachment leave exactly the Go plugin's files", (t) => {
  const network = new Network(t);
  const resolvConf = join(network.dataDir, "resolv.conf");
  writeFileSync(resolvConf, "nameserver 192.0.2.3\nsearch example.com\n");
  network.ipam = {
    ranges: [[{ subnet: "10.1.2.0/24" }, { subnet: "10.2.2.0/24" }], [{ subnet: "2001:db8:1::/64" }]],
    routes: [{ dst: "0.0.0.0/0" }, { dst: "2001:db8::/32", gw: "2001:db8:1::9" }],
    resolvConf,
  };
  const result = JSON.parse(network.ok("ADD", "dummy"));
  assert.deepEqual(result, {
    cniVersion: "1.1.0",
    dns: { nameservers: ["192.0.2.3"], search: ["example.com"] },
    ips: [
      { address: "10.1.2.2/24", gateway: "10.1.2.1" },
      { address: "2001:db8:1::2/64", gateway: "2001:db8:1::1" },
    ],
    routes: [{ dst: "0.0.0.0/0" }, { dst: "2001:db8::/32", gw: "2001:db8:1::9" }],
  });
  assert.deepEqual(network.files(), {
    "10.1.2.2": "dummy\r\neth0",
    "2001:db8:1::2": "dummy\r\neth0",
    "last_reserved_ip.0": "10.1.2.2",
    "last_reserved_ip.1": "2001:db8:1::2",
  });
  const mode = (name: string): number => statSync(join(network.directory, name)).mode & 0o777;
  assert.equal(mode("10.1.2.2"), 0o600);
  assert.equal(mode("lock"), 0o750);
  assert.equal(statSync(join(network.directory, "lock")).size, 0);

  assert.equal(network.ok("CHECK", "dummy"), "");
  assert.equal(network.ok("DEL", "dummy", { CNI_NETNS: "" }), "");
  assert.deepEqual(network.files(), {
    "last_reserved_ip.0": "10.1.2.2",
    "last_reserved_ip.1": "2001:db8:1::2",
  });
  assert.equal(network.ok("DEL", "dummy"), "");
  assert.equal(
    network.refused("CHECK", "dummy"),
    "105 host-local: Failed to find address added by container dummy",
  );
});

test("an old version gets its form of the result, with routes of its families", (t) => {
  const network = new Network(t);
  network.ipam = { subnet: "10.0.0.0/29", routes: [{ dst: "0.0.0.0/0", mtu: 5 }, { dst: "::/0" }] };
  network.more = { cniVersion: "0.2.0" };
  assert.equal(
    network.ok("ADD", "a"),
    `{
    "cniVersion": "0.2.0",
    "ip4": {
        "ip": "10.0.0.2/29",
        "gateway": "10.0.0.1",
        "routes": [
            {
                "dst": "0.0.0.0/0"
            }
        ]
    },
    "dns": {}
}`,
  );
});

test("addresses go round, a second ADD of an attachment is refused, a full range says so", (t) => {
  const network = new Network(t);
  assert.equal(network.add("a"), "10.0.0.2/29");
  assert.match(
    network.refused("ADD", "a"),
    /^103 .*: 10\.0\.0\.2 has been allocated to a, duplicate allocation is not allowed$/,
  );
  assert.equal(network.add("b"), "10.0.0.3/29");
  network.ok("DEL", "b");
  assert.equal(network.add("b"), "10.0.0.4/29");
  network.add("c");
  network.add("d");
  network.ok("STATUS", "");
  assert.equal(network.add("e"), "10.0.0.3/29");
  const full = "no IP addresses available in range set: 10.0.0.1-10.0.0.6";
  assert.equal(network.refused("ADD", "f"), `104 failed to allocate for range 0: ${full}`);
  assert.equal(network.refused("STATUS", ""), `50 ${full}`);
  network.ok("DEL", "a");
  network.ok("STATUS", "");
  assert.equal(network.add("f"), "10.0.0.2/29");
});

test("attachments differ in the interface name", (t) => {
  const network = new Network(t);
  network.add("a");
  network.lease("10.0.0.5", "a");
  assert.match(
    network.refused("ADD", "a", { CNI_IFNAME: "net1" }),
    /^103 .*: 10\.0\.0\.5 has been allocated to a/,
  );
  rmSync(join(network.directory, "10.0.0.5"));
  network.add("a", { CNI_IFNAME: "net1" });
  network.ok("DEL", "a");
  assert.deepEqual(network.leases(), ["10.0.0.3"]);
  network.ok("CHECK", "a", { CNI_IFNAME: "net1" });
  assert.match(network.refused("CHECK", "a"), /^105 /);
});

test("requested addresses are served from all sources, and refusals name the cause", (t) => {
  const network = new Network(t);
  assert.equal(network.add("a", { CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAME=p;IP=10.0.0.4" }), "10.0.0.4/29");
  assert.equal(network.files()["last_reserved_ip.0"], "10.0.0.4");
  const ask = (ip: string) => ({ CNI_ARGS: `IP=${ip}` });
  const taken = "requested IP address 10.0.0.4 is not available in range set 10.0.0.1-10.0.0.6";
  assert.equal(network.refused("ADD", "b", ask("10.0.0.4")), `103 failed to allocate for range 0: ${taken}`);
  const { details } = JSON.parse(network.call("ADD", "b", ask("10.0.0.4")).stdout);
  assert.match(details, /held by container a, interface eth0/);
  assert.match(
    network.refused("ADD", "b", ask("10.0.0.1")),
    /^7 .*: requested ip 10\.0\.0\.1 is subnet's gateway$/,
  );
  assert.equal(
    network.refused("ADD", "b", ask("10.0.0.7")),
    "7 failed to allocate all requested IPs: 10.0.0.7",
  );
  assert.equal(network.add("a", ask("10.0.0.6")), "10.0.0.6/29");
  network.more = { runtimeConfig: { ips: ["10.0.0.3/16"] } };
  assert.equal(network.add("b"), "10.0.0.3/29");
  network.more = { args: { cni: { ips: ["10.0.0.2"] } } };
  assert.equal(network.add("c"), "10.0.0.2/29");
  network.more = {};
  network.ok("DEL", "a");
  assert.deepEqual(network.leases(), ["10.0.0.2", "10.0.0.3"]);
});

test("an ADD that fails for one set gives back what it leased, and only that", (t) => {
  const network = new Network(t);
  network.ipam = { ranges: [[{ subnet: "10.0.0.0/29" }], [{ subnet: "10.1.0.0/30" }]] };
  network.lease("10.1.0.2", "other\r\neth0");
  assert.match(network.refused("ADD", "a"), /^104 failed to allocate for range 1: no IP addresses available/);
  // The Go plugin would take away the address that the container has.
  network.lease("10.1.0.2", "a\r\neth0");
  assert.match(
    network.refused("ADD", "a"),
    /^103 failed to allocate for range 1: 10\.1\.0\.2 has been allocated/,
  );
  mkdirSync(join(network.directory, "last_reserved_ip.1"));
  rmSync(join(network.directory, "10.1.0.2"));
  const { code, msg } = JSON.parse(network.call("ADD", "a").stdout);
  assert.equal(code, 100);
  assert.match(msg, /last_reserved_ip\.1: EISDIR, is a directory$/);
  assert.ok(!existsSync(join(network.directory, "10.0.0.2")));
  assert.ok(!existsSync(join(network.directory, "10.1.0.2")));
});

test("subnets of one and two addresses work", (t) => {
  const network = new Network(t);
  network.ipam = { ranges: [[{ subnet: "10.0.0.0/31" }], [{ subnet: "fd00::9/128", gateway: "fe80::1" }]] };
  const result = JSON.parse(network.ok("ADD", "a"));
  assert.deepEqual(result.ips, [{ address: "10.0.0.0/31" }, { address: "fd00::9/128", gateway: "fe80::1" }]);
  assert.match(network.refused("ADD", "b"), /^104 failed to allocate for range 1: .*fd00::9-fd00::9$/);
});

test("files that an earlier crash left empty are free, foreign files are not", (t) => {
  const network = new Network(t);
  network.lease("10.0.0.2", "");
  network.lease("10.0.0.3", "\0\0\0\0");
  network.lease("10.0.0.4", "reserved for the printer");
  mkdirSync(join(network.directory, "10.0.0.5"));
  symlinkSync("nowhere", join(network.directory, "10.0.0.6"));
  const held = ["10.0.0.4", "10.0.0.5", "10.0.0.6"];
  const names = () => readdirSync(network.directory).filter((name) => !/^l/.test(name));
  network.ok("STATUS", "");
  assert.equal(network.add("a", { CNI_ARGS: "IP=10.0.0.3" }), "10.0.0.3/29");
  assert.equal(network.add("b"), "10.0.0.2/29");
  const third = network.call("ADD", "c");
  assert.match(third.stdout, /no IP addresses available/);
  assert.deepEqual(names(), ["10.0.0.2", "10.0.0.3", ...held]);
  network.ok("DEL", "a");
  network.ok("DEL", "b");
  assert.deepEqual(names(), held);
});

test("an ID that looks like an address does not take the cursor for its lease", (t) => {
  const network = new Network(t);
  network.add("a");
  assert.match(network.refused("CHECK", "10.0.0.2"), /^105 /);
  network.ok("DEL", "10.0.0.2");
  assert.deepEqual(Object.keys(network.files()), ["10.0.0.2", "last_reserved_ip.0"]);
});

test("leases without an interface name count when none has it", (t) => {
  const network = new Network(t);
  network.add("a");
  network.lease("10.0.0.5", "a");
  network.ok("DEL", "a");
  assert.deepEqual(network.leases(), ["10.0.0.5"]);
  network.ok("CHECK", "a");
  network.ok("DEL", "a");
  assert.deepEqual(network.leases(), []);
});

test("a config or a file that cannot be used is refused before anything is created", (t) => {
  const network = new Network(t);
  network.ipam = { ranges: [[{ subnet: "10.0.0.1/24" }]] };
  assert.match(network.refused("ADD", "a"), /^7 invalid range set 0: Network has host bits set/);
  assert.match(network.refused("STATUS", ""), /^7 invalid range set 0/);
  network.ipam = { subnet: "10.0.0.0/24", resolvConf: "/nope/resolv.conf" };
  assert.match(
    network.refused("ADD", "a"),
    /^100 .*\/nope\/resolv\.conf: ENOENT, no such file or directory$/,
  );
  network.ipam = { subnet: "10.0.0.0/24" };
  assert.match(network.refused("CHECK", "a"), /^105 /);
  network.ok("DEL", "a");
  network.more = { "cni.dev/valid-attachments": [] };
  network.ok("GC", "");
  network.ok("STATUS", "");
  assert.deepEqual(readdirSync(network.dataDir), []);
});

test("DEL releases although the ranges have become wrong", (t) => {
  const network = new Network(t);
  network.add("a");
  network.ipam = { ranges: [[{ subnet: "nonsense" }]] };
  network.ok("DEL", "a", { CNI_ARGS: "nonsense" });
  assert.deepEqual(network.leases(), []);
});

test("CHECK sees that the address in use is somebody else's", (t) => {
  const network = new Network(t);
  network.add("a");
  const using = (...addresses: string[]) => {
    const ips = addresses.map((address) => ({ address }));
    network.more = { prevResult: { cniVersion: "1.1.0", ips } };
  };
  using("10.0.0.2/29");
  network.ok("CHECK", "a");
  using("10.0.0.2/29", "10.0.0.5/29", "192.168.9.9/24");
  network.ok("CHECK", "a");
  network.more = { prevResult: { ips: 5 } };
  network.ok("CHECK", "a");
  using("10.0.0.5/29");
  network.lease("10.0.0.5", "b\r\neth0");
  assert.equal(network.refused("CHECK", "a"), "105 host-local: 10.0.0.5 is not leased to container a");
});

test("GC releases what is not listed, and nothing else", (t) => {
  const network = new Network(t);
  const contents: Record<string, string> = {
    "10.0.0.2": "live\r\neth0",
    "10.0.0.3": "live\r\neth1",
    "10.0.0.4": "gone\r\neth0",
    "10.0.0.5": "live",
    "10.0.0.6": "gone",
    "10.0.0.7": "",
    "10.9.9.9": "gone\r\neth0",
    "fd00::1": "no lease of ours",
    notes: "gone\r\neth0",
    "last_reserved_ip.0": "10.0.0.6",
  };
  for (const [name, content] of Object.entries(contents)) network.lease(name, content);
  network.ok("GC", "");
  assert.deepEqual(Object.keys(network.files()), Object.keys(contents).sort());
  network.more = { "cni.dev/valid-attachments": [{ containerID: "live", ifname: "eth0" }] };
  network.ok("GC", "");
  const kept = ["10.0.0.2", "10.0.0.5", "fd00::1", "last_reserved_ip.0", "notes"];
  assert.deepEqual(Object.keys(network.files()), kept);
  network.more = { "cni.dev/valid-attachments": [] };
  network.ok("GC", "");
  assert.deepEqual(Object.keys(network.files()), kept.slice(2));
});

test("STATUS reports a directory that cannot be used, and accepts ranges that only the runtime knows", (t) => {
  const network = new Network(t);
  network.ipam = {};
  network.more = { capabilities: { ipRanges: true } };
  network.ok("STATUS", "");
  writeFileSync(join(network.dataDir, "file"), "");
  network.ipam = { subnet: "10.0.0.0/24", dataDir: join(network.dataDir, "file") };
  assert.match(network.refused("STATUS", ""), /^50 cannot keep leases in .*ENOTDIR/);
  network.ipam = { subnet: "10.0.0.0/24", dataDir: "/proc/sys" };
  assert.match(network.refused("STATUS", ""), /^50 cannot keep leases in \/proc\/sys\/net/);
  assert.match(network.refused("ADD", "a"), /^100 cannot .*\/proc\/sys\/net/);
});

test("each lease has a record, and what others change without the lock is seen by the next call", (t) => {
  const network = new Network(t);
  network.ipam = { ranges: [[{ subnet: "10.0.0.0/29" }], [{ subnet: "fd00::/64" }]] };
  network.add("a");
  assert.match(network.records()["a:eth0"] ?? "", /^\S+-\S+ 10\.0\.0\.2 \S+ fd00::2 \S+$/);
  network.lease("10.0.0.3", "b\r\neth0");
  network.lease("10.0.0.4", "c");
  network.lease("notes for b", "b\r\neth0");
  assert.match(network.refused("ADD", "b"), /^103 .*: 10\.0\.0\.3 has been allocated to b/);
  assert.deepEqual(Object.keys(network.records()).sort(), ["a:eth0", "b:eth0", "c:"]);
  network.ok("DEL", "b");
  network.ok("DEL", "c");
  assert.deepEqual(network.leases(), ["10.0.0.2", "fd00::2"]);
  rmSync(join(network.directory, "fd00::2"));
  rmSync(join(network.directory, "10.0.0.2"));
  network.ok("DEL", "a");
  assert.deepEqual(network.records(), {});
});

test("a lease that was written into is noticed when its owner comes", (t) => {
  const network = new Network(t);
  network.add("a");
  writeFileSync(join(network.directory, "10.0.0.2"), "a");
  assert.match(network.refused("ADD", "a"), /^103 .*: 10\.0\.0\.2 has been allocated to a/);
  network.ok("DEL", "a");
  assert.deepEqual(network.leases(), []);
});

test("the side directory may go at any time, and may be impossible", (t) => {
  const network = new Network(t);
  network.add("a");
  rmSync(join(network.dataDir, ".host-local"), { recursive: true });
  assert.match(network.refused("ADD", "a"), /^103 /);
  assert.deepEqual(Object.keys(network.records()), ["a:eth0"]);
  // Also in part.
  rmSync(join(network.sideDirectory, "owners/a:eth0"));
  assert.match(network.refused("ADD", "a"), /^103 /);
  rmSync(join(network.sideDirectory, "owners"), { recursive: true });
  assert.match(network.refused("ADD", "a"), /^103 /);
  rmSync(join(network.dataDir, ".host-local"), { recursive: true });
  writeFileSync(join(network.dataDir, ".host-local"), "");
  for (const id of ["b", "c", "d", "e"]) network.add(id);
  assert.match(network.refused("ADD", "f"), /^104 /);
  assert.match(network.refused("STATUS", ""), /^50 /);
  network.ipam = { subnet: "10.0.0.0/29", cooldown: 60 };
  network.ok("CHECK", "c");
  network.ok("DEL", "c");
  network.ok("STATUS", "");
  assert.equal(network.add("f"), "10.0.0.4/29");
  network.more = { "cni.dev/valid-attachments": [] };
  network.ok("GC", "");
  assert.deepEqual(network.leases(), []);
  rmSync(join(network.dataDir, ".host-local"));
  network.add("a");
  assert.deepEqual(Object.keys(network.records()), ["a:eth0"]);
});

test("a full range names the lease that is there longest", (t) => {
  const network = new Network(t);
  for (const id of ["a", "b", "c", "d", "e"]) network.add(id);
  utimesSync(join(network.directory, "10.0.0.4"), 86_400, 86_400);
  for (const command of ["ADD", "STATUS", "ADD", "STATUS"]) {
    const { details } = JSON.parse(network.call(command, "f").stdout);
    const oldest =
      "the oldest lease is 10.0.0.4, since 1970-01-02T00:00:00.000Z, of container c, interface eth0";
    assert.ok(details.startsWith(`5 of its 5 addresses are held; ${oldest}.`), details);
  }
  network.ok("DEL", "c");
  network.add("f");
  const { details } = JSON.parse(network.call("ADD", "g").stdout);
  assert.match(details, /the oldest lease is 10\.0\.0\.2, /);
});

test("a freed address is found behind many that are held", (t) => {
  const network = new Network(t);
  network.ipam = { subnet: "10.0.0.0/24" };
  for (let host = 2; host < 255; host++) if (host !== 200) network.lease(`10.0.0.${host}`, "x\r\neth0");
  assert.equal(network.add("a"), "10.0.0.200/24");
  assert.match(network.refused("ADD", "b"), /^104 /);
});

test("a released address rests for the seconds of cooldown", (t) => {
  const network = new Network(t);
  network.ipam = { subnet: "10.0.0.0/29", rangeStart: "10.0.0.2", rangeEnd: "10.0.0.3", cooldown: 1000 };
  network.add("a");
  network.ok("DEL", "a");
  const taken = "requested IP address 10.0.0.2 is not available in range set 10.0.0.2-10.0.0.3";
  assert.match(
    network.refused("ADD", "b", { CNI_ARGS: "IP=10.0.0.2" }),
    new RegExp(`^11 .*: ${taken}: it was released a short time ago$`),
  );
  assert.equal(network.add("b"), "10.0.0.3/29");
  const wait =
    "no IP addresses available in range set: 10.0.0.2-10.0.0.3, before (1000|999|9\\d\\d) s have passed";
  assert.match(network.refused("ADD", "c"), new RegExp(`^11 .*: ${wait}$`));
  // Somebody who does not want to wait:
  network.ipam = { ...network.ipam, cooldown: 0 };
  assert.equal(network.add("c"), "10.0.0.2/29");
  network.ipam = { ...network.ipam, cooldown: -1 };
  assert.match(network.refused("ADD", "d"), /^7 .*cooldown: -1 is out of range$/);
});

test("a lock that is held too long is reported with its holder", async (t) => {
  const network = new Network(t);
  network.ipam = { subnet: "10.0.0.0/29", lockTimeout: 0 };
  network.add("a");
  const holder = spawn("flock", [join(network.directory, "lock"), "sh", "-c", "echo locked; read line"]);
  const ended = once(holder, "exit");
  t.after(() => holder.kill());
  await once(holder.stdout, "data");
  for (const [command, containerId] of [
    ["ADD", "b"],
    ["DEL", "a"],
  ] as const) {
    const message = network.refused(command, containerId);
    assert.match(message, /^106 cannot lock .*\/net\/lock within 0 s: held by process \d+ \(flock\)$/);
    assert.match(message, new RegExp(`process ${holder.pid} `));
  }
  network.ok("CHECK", "a");
  network.ok("STATUS", "");
  holder.stdin.end("\n");
  await ended;
  network.ok("DEL", "a");
});

test("ADDs beside each other get addresses of their own", async (t) => {
  const network = new Network(t);
  const ids = Array.from({ length: 5 }, (_, index) => `c${index}`);
  const outputs = await Promise.all(
    ids.map(async (id) => {
      const child = spawn(process.execPath, [main], { env: environment("ADD", id) });
      let stdout = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        stdout += text;
      });
      child.stdin.end(network.config());
      await once(child, "close");
      return addressesOf(stdout);
    }),
  );
  assert.equal(new Set(outputs).size, ids.length);
  assert.equal(network.leases().length, ids.length);
});
