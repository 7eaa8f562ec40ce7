import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { compileCache } from "../../conformance/harness/host/command.ts";
import { Host } from "../../conformance/harness/host/host.ts";
import { ipJson } from "../../conformance/harness/host/inspect.ts";
import { asObject, parseObject } from "../../conformance/harness/host/json.ts";
import { type Command, pluginEnvironment } from "../../conformance/harness/plugins/plugin-call.ts";

const main = fileURLToPath(new URL("main.ts", import.meta.url));
const originalMac = "02:00:00:00:00:01";
const allowList = "/etc/cni/tuning/allowlist.conf";

let host: Host;
before(async () => {
  host = await Host.create();
});
after(() => host.dispose());

/** A container with a veth `eth0`, and a directory for its backups. */
class Container {
  static #count = 0;
  readonly name: string;
  readonly netns: string;
  readonly dataDir: string;
  readonly ifname: string;

  constructor(ifname = "eth0", dataDir = `${host.tempDir()}/tuning`) {
    Container.#count += 1;
    this.name = `c${Container.#count}`;
    this.netns = host.addNetns(this.name);
    this.dataDir = dataDir;
    this.ifname = ifname;
    const veth = ["type", "veth", "peer", "name", "peer0"];
    host.inNetns(this.name, "ip", ["link", "add", ifname, "address", originalMac, ...veth]);
    host.inNetns(this.name, "ip", ["link", "set", ifname, "up"]);
  }

  get backup(): string {
    return `${this.dataDir}/${this.name}_${this.ifname}.json`;
  }

  call(command: Command, config: object, args?: string) {
    const variables = { command, containerId: this.name, netns: this.netns, ifname: this.ifname };
    const env = pluginEnvironment(main, { ...variables, ...(args !== undefined && { args }) });
    const input = JSON.stringify({
      cniVersion: "1.1.0",
      name: "net",
      type: "tuning",
      dataDir: this.dataDir,
      prevResult: { interfaces: [{ name: this.ifname, mac: originalMac, mtu: 1500, sandbox: this.netns }] },
      ...config,
    });
    return host.run(process.execPath, [main], { env: { ...compileCache, ...env }, input, check: false });
  }

  succeed(command: Command, config: object, args?: string): string {
    const { status, stdout, stderr } = this.call(command, config, args);
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "" }, stdout);
    return stdout;
  }

  /** Code and message of the error. */
  fail(command: Command, config: object, args?: string): [unknown, string] {
    const { status, stdout, stderr } = this.call(command, config, args);
    assert.deepEqual({ status, stderr }, { status: 1, stderr: "" }, stdout);
    const { code, msg } = parseObject(stdout);
    return [code, String(msg)];
  }

  link() {
    const [found] = ipJson(host, ["-d", "link", "show", "dev", this.ifname], this.name);
    const { address, mtu, txqlen, flags, promiscuity } = asObject(found);
    const has = (flag: string) => Array.isArray(flags) && flags.includes(flag);
    return {
      mac: address,
      mtu,
      txQLen: txqlen,
      promisc: has("PROMISC"),
      promiscuity,
      allmulti: has("ALLMULTI"),
    };
  }

  sysctl(path: string): string {
    return host.inNetns(this.name, "cat", [`/proc/sys/${path}`]).stdout.trim();
  }

  set(...args: string[]): void {
    host.inNetns(this.name, "ip", ["link", "set", "dev", this.ifname, ...args]);
  }

  readBackup(): string {
    return host.readFile(this.backup);
  }

  hasBackup(): boolean {
    return existsSync(host.outside(this.backup));
  }
}

const everything = { mac: "02:00:00:00:00:22", mtu: 1400, promisc: true, allmulti: true, txQLen: 2000 };

test("sets everything, saves what was there, CHECK agrees, DEL restores, also a second time", () => {
  const container = new Container();
  const before = container.link();
  const result = parseObject(container.succeed("ADD", everything));
  assert.deepEqual(container.link(), { ...everything, promiscuity: 1 });
  const updated = { name: "eth0", mac: everything.mac, mtu: 1400, sandbox: container.netns };
  assert.deepEqual(result, { cniVersion: "1.1.0", interfaces: [updated] });
  assert.equal(
    container.readBackup(),
    `{\n "mac": "${originalMac}",\n "promisc": false,\n "mtu": 1500,\n "allmulti": false,\n "txQLen": ${before.txQLen}\n}`,
  );
  assert.equal(statSync(host.outside(container.backup)).mode & 0o777, 0o600);
  assert.equal(statSync(host.outside(container.dataDir)).mode & 0o777, 0o700);
  container.succeed("CHECK", { ...everything, prevResult: result });
  for (let time = 1; time <= 2; time++) {
    assert.equal(container.succeed("DEL", { ...everything, prevResult: result }), "");
    assert.deepEqual(container.link(), before);
    assert.deepEqual(readdirSync(host.outside(container.dataDir)), []);
  }
});

test("a second ADD keeps the originals", () => {
  const container = new Container();
  container.succeed("ADD", { mtu: 1400 });
  container.succeed("ADD", { mtu: 1300, mac: everything.mac });
  assert.equal(container.readBackup(), `{\n "mac": "${originalMac}",\n "mtu": 1500\n}`);
  container.succeed("DEL", {});
  assert.deepEqual([container.link().mtu, container.link().mac], [1500, originalMac]);
});

test("sysctls are set in the container only, without a backup", () => {
  const container = new Container("eth0.7");
  const hostValue = host.run("cat", ["/proc/sys/net/ipv4/conf/all/log_martians"]).stdout;
  const sysctl = {
    "net.ipv4.conf.all.log_martians": "1",
    "net.ipv4.conf.IFNAME.arp_notify": "1",
    "net/ipv4/conf/eth0.7/arp_filter": "1",
    "net.ipv4.ip_local_port_range": "2000 3000",
    "net.ipv4.route.flush": "1",
    "net.ipv4.ip_forward": "",
  };
  container.succeed("ADD", { sysctl });
  assert.equal(container.sysctl("net/ipv4/conf/all/log_martians"), "1");
  assert.equal(container.sysctl("net/ipv4/conf/eth0.7/arp_notify"), "1");
  assert.equal(container.sysctl("net/ipv4/conf/eth0.7/arp_filter"), "1");
  assert.equal(container.sysctl("net/ipv4/ip_local_port_range"), "2000\t3000");
  assert.equal(host.run("cat", ["/proc/sys/net/ipv4/conf/all/log_martians"]).stdout, hostValue);
  assert.equal(existsSync(host.outside(container.dataDir)), false);
  container.succeed("CHECK", { sysctl });
  container.succeed("DEL", { sysctl });
});

test("a mistake anywhere changes nothing at all", () => {
  const container = new Container();
  const before = container.link();
  const good = { "net.ipv4.conf.all.log_martians": "1" };
  const cases: [object, number, RegExp][] = [
    [{ sysctl: { ...good, "kernel.shmmax": "1" } }, 7, /invalid net sysctl key: "kernel\.shmmax"/],
    [{ sysctl: { ...good, "net.ipv4.nope": "1" } }, 100, /\/proc\/sys\/net\/ipv4\/nope: ENOENT/],
    [{ sysctl: { ...good, "net.ipv4.conf": "1" } }, 100, /EISDIR/],
    [{ sysctl: { ...good, "net.ipv4.ip_forward": "many" } }, 100, /ip_forward to "many": EINVAL/],
    [{ sysctl: good, mac: "01:00:5e:00:00:01" }, 7, /multicast/],
    [{ sysctl: good, mac: "02:00:00:00:00:00:00:01" }, 7, /it has 8 bytes, addresses of eth0 have 6/],
    [{ sysctl: good, mac: everything.mac, promisc: true, mtu: 100000 }, 100, /mtu 100000 of "eth0": EINVAL/],
    [{ sysctl: good, mtu: 1400, prevResult: null }, 7, /Required prevResult missing/],
    [{ sysctl: good, mtu: 1400, cniVersion: "0.2.0", prevResult: {} }, 7, /no valid IP addresses/],
    [
      { sysctl: good, mtu: 1400, dataDir: "/proc/nope" },
      100,
      /failed to create backup directory \/proc\/nope/,
    ],
  ];
  for (const [config, code, message] of cases) {
    const [foundCode, foundMessage] = container.fail("ADD", config);
    assert.match(foundMessage, message);
    assert.equal(foundCode, code, foundMessage);
    assert.equal(container.sysctl("net/ipv4/conf/all/log_martians"), "0", foundMessage);
    assert.deepEqual(container.link(), before, foundMessage);
    assert.equal(container.hasBackup(), false, foundMessage);
  }
});

test("a failed second ADD leaves the first one's state", () => {
  const container = new Container();
  container.succeed("ADD", { mtu: 1400 });
  const [link, backup] = [container.link(), container.readBackup()];
  container.fail("ADD", { mac: everything.mac, mtu: 100000 });
  assert.deepEqual([container.link(), container.readBackup()], [link, backup]);
});

test("an interface that is missing matters only when it is to be changed", () => {
  const container = new Container("eth1");
  host.inNetns(container.name, "ip", ["link", "del", "eth1"]);
  container.succeed("ADD", { sysctl: { "net.ipv4.conf.all.log_martians": "1" } });
  const config = { mtu: 1400, sysctl: { "net.ipv4.conf.all.log_martians": "0" } };
  assert.deepEqual(container.fail("ADD", config), [100, 'failed to get "eth1": Link not found']);
  assert.equal(container.sysctl("net/ipv4/conf/all/log_martians"), "1");
  assert.deepEqual(container.fail("CHECK", {}), [105, "Cannot find container link eth1"]);
});

test("DEL with nothing left removes the backup", () => {
  const withoutLink = new Container();
  withoutLink.succeed("ADD", { mtu: 1400 });
  host.inNetns(withoutLink.name, "ip", ["link", "del", "eth0"]);
  withoutLink.succeed("DEL", {});
  assert.equal(withoutLink.hasBackup(), false);

  const withoutNetns = new Container();
  withoutNetns.succeed("ADD", { mtu: 1400 });
  host.delNetns(withoutNetns.name);
  withoutNetns.succeed("DEL", {});
  assert.equal(withoutNetns.hasBackup(), false);
});

test("DEL works without prevResult and with a configuration that ADD would refuse", () => {
  const container = new Container();
  container.succeed("ADD", { mtu: 1400 });
  const { dataDir } = container;
  const broken = { dataDir, mtu: "x", mac: "zz", sysctl: { "kernel.x": 1 }, prevResult: "none", dns: 5 };
  container.succeed("DEL", broken, "none");
  assert.equal(container.link().mtu, 1500);
});

test("DEL keeps the backup when restoring failed, and is no failure", () => {
  const container = new Container();
  container.succeed("ADD", { mtu: 1400, txQLen: 2000 });
  const backup = container.readBackup().replace("1500", "100000");
  host.writeFile(container.backup, backup);
  container.succeed("DEL", {});
  assert.equal(container.readBackup(), backup);
  assert.notEqual(container.link().txQLen, 2000);
});

test("DEL clears away what is no backup, and what a killed ADD left", () => {
  const container = new Container();
  host.writeFile(container.backup, '{ "mtu":');
  host.writeFile(`${container.dataDir}/.${container.name}_eth0.json.new`, "{");
  container.succeed("DEL", {});
  assert.deepEqual(readdirSync(host.outside(container.dataDir)), []);
});

test("CHECK names the first difference", () => {
  const container = new Container();
  container.succeed("ADD", everything);
  const differences: [string[], string[], string][] = [
    [
      ["address", originalMac],
      ["address", everything.mac],
      `Ethernet of eth0 is ${everything.mac}, current value is ${originalMac}`,
    ],
    [["promisc", "off"], ["promisc", "on"], "promiscuous mode of eth0 is true, current value is false"],
    [["mtu", "1450"], ["mtu", "1400"], "MTU of eth0 is 1400, current value is 1450"],
    [
      ["allmulticast", "off"],
      ["allmulticast", "on"],
      "all-multicast mode of eth0 is true, current value is false",
    ],
    [
      ["txqueuelen", "7"],
      ["txqueuelen", "2000"],
      "Transmit Queue Length of eth0 is 2000, current value is 7",
    ],
  ];
  for (const [change, back, message] of differences) {
    container.set(...change);
    assert.deepEqual(container.fail("CHECK", everything), [105, `Tuning configured ${message}`]);
    container.set(...back);
  }
  container.succeed("CHECK", everything);
  const sysctl = { "net.ipv4.conf.IFNAME.log_martians": "1" };
  const path = "/proc/sys/net/ipv4/conf/eth0/log_martians";
  const message = `Tuning configured value of ${path} is 1, current value is 0`;
  assert.deepEqual(container.fail("CHECK", { sysctl }), [105, message]);
});

test("CHECK takes any spelling of a MAC, and promiscuity that nobody configured", () => {
  const container = new Container();
  const config = { mac: "02-AB-00-00-00-22" };
  const result = parseObject(container.succeed("ADD", config));
  assert.match(JSON.stringify(result), /02:ab:00:00:00:22/);
  container.set("promisc", "on");
  container.succeed("CHECK", config);
});

test("the allow-list", () => {
  const container = new Container();
  const config = { sysctl: { "net.ipv4.conf.IFNAME.arp_notify": "1" } };
  try {
    host.writeFile(allowList, "# interfaces only\n^net\\.ipv4\\.conf\\.IFNAME\\.[[:alpha:]_]+$\n");
    container.succeed("ADD", config);
    container.succeed("STATUS", config);
    const other = { sysctl: { "net.ipv4.ip_forward": "1" }, mtu: 1400 };
    for (const command of ["ADD", "STATUS"] as const) {
      const [code, message] = container.fail(command, other);
      assert.equal(code, 7);
      assert.match(message, /^Sysctl net\.ipv4\.ip_forward is not allowed\. Only the following/);
    }
    assert.equal(container.link().mtu, 1500);
    container.succeed("DEL", other);
    host.writeFile(allowList, "^net\nnet(\n");
    container.succeed("ADD", config);
    const [code, message] = container.fail("STATUS", config);
    assert.equal(code, 50);
    assert.match(message, /the allow-list is not usable.*missing closing \)/);
    container.succeed("CHECK", config);
    host.writeFile(allowList, "");
    assert.match(container.fail("ADD", config)[1], /are allowed: \[\]$/);
    container.succeed("ADD", { mtu: 1400 });
  } finally {
    host.run("rm", ["-r", "/etc/cni/tuning"]);
  }
});

test("STATUS looks at the directory for backups and makes nothing", () => {
  const container = new Container();
  container.succeed("STATUS", {});
  assert.equal(existsSync(host.outside(container.dataDir)), false);
  host.writeFile("/run/test/file", "");
  const [code, message] = container.fail("STATUS", { dataDir: "/run/test/file/x" });
  assert.equal(code, 50);
  assert.match(message, /dataDir \/run\/test\/file\/x is not usable: ENOTDIR/);
});

test("GC goes on where a backup cannot be removed, and says so", () => {
  const dataDir = `${host.tempDir()}/tuning`;
  const containers = Array.from({ length: 3 }, () => new Container("eth0", dataDir));
  for (const container of containers) container.succeed("ADD", { mtu: 1400 });
  const [first, odd, last] = containers;
  if (first === undefined || odd === undefined || last === undefined) throw new Error("three were made");
  rmSync(host.outside(odd.backup));
  mkdirSync(host.outside(`${odd.backup}/x`), { recursive: true });
  const [, message] = odd.fail("GC", { "cni.dev/valid-attachments": [] });
  assert.match(message, /^cannot remove backup file .*_eth0\.json: /);
  assert.deepEqual([first.hasBackup(), last.hasBackup()], [false, false]);
  rmSync(host.outside(odd.backup), { recursive: true });
  odd.succeed("GC", { "cni.dev/valid-attachments": [] });
  assert.equal(host.run("ls", ["-A", dataDir]).stdout, "");
});

test("a backup's place is taken by a directory", () => {
  const container = new Container();
  mkdirSync(host.outside(container.backup), { recursive: true });
  assert.match(container.fail("ADD", { mtu: 1400 })[1], /_eth0\.json is not a regular file/);
  assert.equal(container.link().mtu, 1500);
  container.succeed("DEL", {});
});
