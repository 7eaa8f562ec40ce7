/** tuning and the Go plugin, given the same: the same settings come of it, but for what is named here. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import { Host } from "../../harness/host/host.ts";
import { ipJson } from "../../harness/host/inspect.ts";
import { asObject, type JsonObject } from "../../harness/host/json.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { ensurePeer } from "../../harness/plugins/peers.ts";
import { type Command, callPlugin, pluginEnvironment } from "../../harness/plugins/plugin-call.ts";

const skip = expectPeer && "it would be compared with itself";
const plugins = { ours: `${pluginFolder()}/tuning`, peer: `${ensurePeer().binDir}/tuning` };
type Maker = keyof typeof plugins;
const makers = ["ours", "peer"] as const;
const mac = (last: number) => `02:00:00:00:00:0${last}`;

let host: Host;
let count = 0;
before(async () => {
  host = await Host.create();
});
after(() => host.dispose());

/** What a call does: a configuration, or its text where an object cannot say it. */
type Case = { config: JsonObject | string; args?: string; ifname?: string };

/** Parameters that the cases below may change. */
const parameters = [
  "ipv4/ip_forward",
  "ipv4/conf/all/log_martians",
  "ipv4/conf/IFNAME/log_martians",
  "ipv4/conf/IFNAME/arp_notify",
  "core/somaxconn",
];

/** A container of its own: what is asked of it, and what can be seen of it. */
function container(ifname: string) {
  count += 1;
  const name = `p${count}`;
  const netns = host.addNetns(name);
  const dataDir = `${host.tempDir()}/tuning`;
  const peer = ["type", "veth", "peer", "name", "peer0"];
  host.inNetns(name, "ip", ["link", "add", ifname, "address", mac(1), ...peer]);
  return {
    dataDir,
    call(maker: Maker, command: Command, { config, args }: Case) {
      const prevResult = { interfaces: [{ name: ifname, mac: mac(1), sandbox: "/run/netns/c" }] };
      const names = { cniVersion: "1.0.0", name: "net", type: "tuning", dataDir, prevResult };
      const whole =
        typeof config === "string"
          ? JSON.stringify(names).replace(/}$/, `,${config}}`)
          : { ...names, ...config };
      const attachment = { command, containerId: name, netns, ifname, ...(args !== undefined && { args }) };
      const { status, json } = callPlugin(host, plugins[maker], attachment, whole);
      return { status, json };
    },
    state() {
      const [link] = ipJson(host, ["-d", "link", "show", "dev", ifname], name);
      const { address, mtu, txqlen, promiscuity, allmulti, flags } = asObject(link);
      const values = parameters.map((path) => {
        const file = `/proc/sys/net/${path.replace("IFNAME", ifname)}`;
        return host.inNetns(name, "cat", [file]).stdout.trim();
      });
      const sysctls = Object.fromEntries(parameters.map((path, index) => [path, values[index]]));
      return { address, mtu, txqlen, promiscuity, allmulti, flags, sysctls };
    },
    backup: () => {
      const file = `${dataDir}/${name}_${ifname}.json`;
      return existsSync(host.outside(file)) ? host.readFile(file) : undefined;
    },
  };
}

const sysctl = (key: string, value = "1"): Case => ({ config: { sysctl: { [key]: value } } });

const accepted: Record<string, Case> = {
  dots: sysctl("net.ipv4.conf.all.log_martians"),
  slashes: sysctl("net/ipv4/conf/all/log_martians"),
  both: sysctl("net.ipv4/conf.all/log_martians"),
  "a dot in front": sysctl(".net.ipv4.ip_forward"),
  "a slash in front": sysctl("/net/ipv4/ip_forward"),
  "two dots": sysctl("net..ipv4..ip_forward"),
  IFNAME: sysctl("net.ipv4.conf.IFNAME.log_martians"),
  "IFNAME with slashes": sysctl("net/ipv4/conf/IFNAME/log_martians"),
  "IFNAME with a dot": { ...sysctl("net.ipv4.conf.IFNAME.log_martians"), ifname: "eth0.7" },
  "a line break behind the value": sysctl("net.core.somaxconn", "77\n"),
  "an empty value": sysctl("net.core.somaxconn", ""),
  "a value of null": { config: { sysctl: { "net.core.somaxconn": null } } },
  "sysctl of args": {
    config: {
      sysctl: { "net.core.somaxconn": "70", "net.ipv4.ip_forward": "1" },
      args: { cni: { sysctl: { "net.core.somaxconn": "71", "net.ipv4.conf.all.log_martians": "1" } } },
    },
  },
  "two objects of sysctl": {
    config: '"sysctl":{"net.ipv4.ip_forward":"1"},"sysctl":{"net.core.somaxconn":"72"}',
  },
  nothing: { config: {} },
  no: { config: { promisc: false, mtu: 0, mac: "", dataDir: "" } },
  "keys in another case": { config: { MTU: 1400, TxQlen: 5, PROMISC: true, AllMulti: true } },
  "mac by the runtime": { config: { mac: mac(2), runtimeConfig: { mac: mac(3) } } },
  "an empty mac by the runtime": { config: { mac: mac(2), runtimeConfig: { mac: "" } } },
  "mac by CNI_ARGS": { config: { mac: mac(2) }, args: `MAC=${mac(4)}` },
  "mac by CNI_ARGS and the runtime": {
    config: { mac: mac(2), runtimeConfig: { mac: mac(3) } },
    args: `MAC=${mac(4)}`,
  },
  "mac by args": {
    config: { mac: mac(2), runtimeConfig: { mac: mac(3) }, args: { cni: { mac: mac(5) } } },
    args: `IgnoreUnknown=1;OTHER=x;MAC=${mac(4)}`,
  },
  "no mac by args": { config: { mac: mac(2), args: { cni: { mac: "" } } } },
  "mac of four digits": { config: { mac: "0200.0000.0006" } },
  "args switch off": {
    config: {
      ...{ mtu: 1400, promisc: true, allmulti: true, txQLen: 9 },
      args: { cni: { mtu: 0, promisc: false, allmulti: false, txQLen: 0 } },
    },
  },
  "args switch on": { config: { args: { cni: { mtu: 1400, promisc: true, allmulti: true, txQLen: 9 } } } },
  nulls: { config: { mac: null, mtu: null, promisc: null, allmulti: null, txQLen: null, sysctl: null } },
  "an empty prevResult": { config: { mtu: 1400, prevResult: {} } },
};

for (const [name, one] of Object.entries(accepted)) {
  test(`${name}: the same comes of ADD and DEL`, { skip }, () => {
    const seen = makers.map((maker) => {
      const c = container(one.ifname ?? "eth0");
      const untouched = c.state();
      const { status, json } = c.call(maker, "ADD", one);
      assert.equal(status, 0, `${maker}: ${JSON.stringify(json)}`);
      const [added, backup] = [c.state(), c.backup()];
      assert.equal(c.call("ours", "CHECK", one).status, 0, "CHECK of ours agrees");
      assert.equal(c.call(maker, "DEL", one).status, 0);
      const { sysctls, ...link } = c.state();
      assert.deepEqual({ ...link, sysctls: untouched.sysctls }, untouched, `${maker}: DEL restores the link`);
      assert.deepEqual(sysctls, added.sysctls, `${maker}: and no sysctl`);
      return { added, backup, left: c.backup() };
    });
    assert.deepEqual(seen[0], seen[1]);
  });
}

const refused: Record<string, Case> = {
  "no parameter of net": sysctl("kernel.shmmax"),
  "out of net": sysctl("net/../kernel/shmmax"),
  "net alone": sysctl("net"),
  "an empty key": sysctl(""),
  network: sysctl("network.x"),
  "upper case": sysctl("NET.ipv4.ip_forward"),
  "a blank": sysctl(" net.ipv4.ip_forward"),
  ifname: sysctl("net.ipv4.conf.ifname.log_martians"),
  "IFNAME twice": sysctl("net.ipv4.conf.IFNAME.IFNAME"),
  "a folder": sysctl("net.ipv4.conf"),
  "a value that the kernel refuses": sysctl("net.ipv4.ip_forward", "x"),
  "a parameter of the whole host": sysctl("net.core.rmem_max"),
  "a number": { config: { sysctl: { "net.core.somaxconn": 5 } } },
  "a list": { config: { sysctl: [] } },
  "the same key twice": { config: '"sysctl":{"net.ipv4.ip_forward":"1","net.ipv4.ip_forward":"1"}' },
  "the same key in two objects": {
    config: '"sysctl":{"net.ipv4.ip_forward":"1"},"sysctl":{"net.ipv4.ip_forward":"1"}',
  },
  "mtu as text": { config: { mtu: "1400" } },
  "mtu out of bounds": { config: { mtu: 100_000 } },
  "a negative mtu": { config: { mtu: -5 } },
  "promisc as text": { config: { promisc: "true" } },
  "no mac": { config: { mac: "zz" } },
  "mac with single digits": { config: { mac: "2:0:0:0:0:1" } },
  "a multicast mac": { config: { mac: "01:00:00:00:00:01" } },
  "an unknown argument": { config: {}, args: "IP=10.0.0.1" },
  "no prevResult": { config: { prevResult: null } },
  "a prevResult of another generation": { config: { prevResult: { cniVersion: "0.4.0" } } },
};

for (const [name, one] of Object.entries(refused)) {
  test(`${name}: both refuse it, ours changes nothing, and DEL succeeds`, { skip }, () => {
    for (const maker of makers) {
      const c = container("eth0");
      const untouched = c.state();
      const { status, json } = c.call(maker, "ADD", one);
      assert.equal(status, 1, `${maker}: ${JSON.stringify(json)}`);
      if (maker === "peer") continue;
      assert.notEqual(asObject(json)["details"] ?? "", "", "says what to do");
      assert.deepEqual(c.state(), untouched);
      assert.equal(c.backup(), undefined);
      assert.equal(c.call("ours", "DEL", one).status, 0);
    }
  });
}

/** What the reference calls weak or surprising: the Go plugin's answer, and ours. */
const better: Record<string, { one: Case; peer: number | "panic"; ifname?: string }> = {
  "a dotted interface by name": {
    one: { ...sysctl("net/ipv4/conf/eth0.7/log_martians"), ifname: "eth0.7" },
    peer: 1,
  },
  "sysctl in args alone": {
    one: { config: { args: { cni: { sysctl: { "net.core.somaxconn": "71" } } } } },
    peer: "panic",
  },
};

for (const [name, { one, peer }] of Object.entries(better)) {
  test(`${name}: ours takes it, the Go plugin does not`, { skip }, () => {
    const [mine, theirs] = makers.map((maker) => container(one.ifname ?? "eth0").call(maker, "ADD", one));
    assert.equal(mine?.status, 0, JSON.stringify(mine?.json));
    assert.equal(theirs?.status, peer === "panic" ? 2 : peer);
  });
}

const lists: [lines: string, key: string, isAllowed: boolean][] = [
  ["^net\\.ipv4\\.", "net.ipv4.ip_forward", true],
  ["^net\\.ipv4\\.", "net/ipv4/ip_forward", false],
  ["ip_for", "net/ipv4/ip_forward", true],
  ["eth0", "net.ipv4.conf.IFNAME.log_martians", false],
  ["IFNAME", "net.ipv4.conf.IFNAME.log_martians", true],
  ["", "net.ipv4.ip_forward", false],
  ["\r\n  \n  somaxconn\\z  \r\n", "net.core.somaxconn", true],
  ["(?i)SOMAX", "net.core.somaxconn", true],
  ["[[:upper:]]", "net.core.somaxconn", false],
  ["\\Qcore.som\\E", "net.core.somaxconn", true],
  ["(?P<name>core)", "net.core.somaxconn", true],
  ["nothing\n[", "net.core.somaxconn", false],
  ["(?=x)", "net.core.somaxconn", false],
  ["core\n[", "net.core.somaxconn", true],
  [".*", "kernel.shmmax", false],
];

test("the allow-list allows the same; DEL never asks it", { skip }, () => {
  const file = "/etc/cni/tuning/allowlist.conf";
  try {
    for (const [lines, key, isAllowed] of lists) {
      host.writeFile(file, lines);
      for (const maker of makers) {
        const c = container("eth0");
        const text = `${maker}: ${JSON.stringify(lines)} for ${key}`;
        assert.equal(c.call(maker, "ADD", sysctl(key)).status, isAllowed ? 0 : 1, text);
        assert.equal(c.call(maker, "DEL", sysctl(key)).status, 0, text);
        assert.equal(c.call(maker, "ADD", { config: { mtu: 1400 } }).status, 0, "no sysctl, no question");
      }
    }
  } finally {
    host.run("rm", ["-r", "/etc/cni/tuning"]);
  }
});

test("CHECK: what somebody changed is seen; spelling, white space and a packet capture are no change", {
  skip,
}, () => {
  const config = {
    ...{ mac: "02-AA-00-00-00-01", mtu: 1400, allmulti: true, txQLen: 9 },
    sysctl: { "net.ipv4.ip_local_port_range": "2000 3000" },
  };
  const c = container("eth0");
  const name = `p${count}`;
  const ip = (...args: string[]) => host.inNetns(name, "ip", ["link", "set", "dev", "eth0", ...args]);
  assert.equal(c.call("ours", "ADD", { config }).status, 0);
  assert.equal(c.call("peer", "CHECK", { config }).status, 1, "its four mistakes");
  ip("promisc", "on");
  assert.equal(c.call("ours", "CHECK", { config }).status, 0);
  const changes: [change: string[], back: string[]][] = [
    [
      ["mtu", "1300"],
      ["mtu", "1400"],
    ],
    [
      ["address", mac(7)],
      ["address", "02:aa:00:00:00:01"],
    ],
    [
      ["allmulticast", "off"],
      ["allmulticast", "on"],
    ],
    [
      ["txqueuelen", "8"],
      ["txqueuelen", "9"],
    ],
  ];
  for (const [change, back] of changes) {
    ip(...change);
    const { status, json } = c.call("ours", "CHECK", { config });
    assert.deepEqual([status, asObject(json)["code"]], [1, 105], change.join(" "));
    ip(...back);
    assert.equal(c.call("ours", "CHECK", { config }).status, 0);
  }
  host.inNetns(name, "sysctl", ["-qw", "net.ipv4.ip_local_port_range=2000 4000"]);
  assert.equal(c.call("ours", "CHECK", { config }).status, 1);
});

test("a backup that nothing can be restored from goes with DEL", { skip }, () => {
  for (const [maker, isKept] of [
    ["ours", false],
    ["peer", true],
  ] as const) {
    const c = container("eth0");
    assert.equal(c.call(maker, "ADD", { config: { mtu: 1400 } }).status, 0);
    host.delNetns(`p${count}`);
    assert.equal(c.call(maker, "DEL", { config: {} }).status, 0);
    assert.equal(c.backup() !== undefined, isKept, maker);
  }
});

test("GC and STATUS as the manual says", { skip }, () => {
  const status = (config: JsonObject, command: Command = "STATUS") => {
    const whole = { cniVersion: "1.1.0", name: "net", type: "tuning", ...config };
    const { status, json } = callPlugin(host, plugins.ours, { command }, whole);
    return status === 0 ? 0 : asObject(json)["code"];
  };
  const c = container("eth0");
  assert.equal(c.call("ours", "ADD", { config: { mtu: 1400 } }).status, 0);
  const left = () => host.run("ls", ["-A", c.dataDir]).stdout;
  const gc = { dataDir: c.dataDir, "cni.dev/valid-attachments": [] };
  const valid = [{ containerID: `p${count}`, ifname: "eth0" }];
  assert.equal(status({ ...gc, "cni.dev/valid-attachments": valid }, "GC"), 0);
  assert.equal(status({ ...gc, name: "other" }, "GC"), 0);
  assert.notEqual(c.backup(), undefined, "listed, or another network's");
  assert.equal(status(gc, "GC"), 0);
  assert.equal(left(), "", "neither listed nor another network's");
  assert.equal(c.call("ours", "ADD", { config: { mtu: 1300 } }).status, 0);
  assert.equal(c.call("ours", "DEL", { config: {} }).status, 0);
  assert.equal(left(), "");
  assert.equal(status({}), 0);
  assert.equal(status({ dataDir: "/etc/hostname" }), 50, "no directory");
  try {
    host.writeFile("/etc/cni/tuning/allowlist.conf", "somaxconn\n[\n");
    assert.equal(status({}), 50, "a mistake in the list");
    host.writeFile("/etc/cni/tuning/allowlist.conf", "somaxconn\n");
    assert.equal(status({ sysctl: { "net.core.somaxconn": "1" } }), 0);
    assert.equal(status({ sysctl: { "net.ipv4.ip_forward": "1" } }), 7, "ADD would refuse it");
  } finally {
    host.run("rm", ["-r", "/etc/cni/tuning"]);
  }
});

test("what the Go plugin has added with a relative dataDir is checked, deleted and collected", {
  skip,
}, () => {
  container("eth0");
  const directory = host.tempDir();
  const netns = `/run/netns/p${count}`;
  const call = (maker: Maker, command: Command, more: JsonObject = {}) => {
    const prevResult = { interfaces: [{ name: "eth0", mac: mac(1), sandbox: netns }] };
    const config = {
      cniVersion: "1.1.0",
      name: "net",
      type: "tuning",
      dataDir: "kept/here",
      prevResult,
      mtu: 1400,
      ...more,
    };
    const who = command === "GC" ? {} : { containerId: "c", netns, ifname: "eth0" };
    const env = pluginEnvironment(plugins[maker], { command, ...who });
    return host.run(plugins[maker], [], { env, directory, check: false, input: JSON.stringify(config) });
  };
  const mtu = () => asObject(ipJson(host, ["link", "show", "dev", "eth0"], `p${count}`)[0])["mtu"];
  const file = `${directory}/kept/here/c_eth0.json`;
  const exists = () => existsSync(host.outside(file));
  assert.equal(call("peer", "ADD").status, 0);
  assert.deepEqual([mtu(), exists()], [1400, true]);
  for (const command of ["CHECK", "DEL", "DEL"] as const) {
    const { status, stdout, stderr } = call("ours", command);
    assert.deepEqual([status, stdout, stderr], [0, "", ""], command);
  }
  assert.deepEqual([mtu(), exists()], [1500, false]);
  assert.equal(call("ours", "GC", { "cni.dev/valid-attachments": [] }).status, 0);
  for (const command of ["ADD", "STATUS"] as const)
    assert.match(call("ours", command).stdout, /not an absolute path/);
});
