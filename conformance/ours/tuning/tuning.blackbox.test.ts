/** tuning by itself, and beside the Go plugin. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import { Host } from "../../harness/host/host.ts";
import { ipJson } from "../../harness/host/inspect.ts";
import { asObject, type JsonObject } from "../../harness/host/json.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { ensurePeer } from "../../harness/plugins/peers.ts";
import { type Command, callPlugin, type PluginResponse } from "../../harness/plugins/plugin-call.ts";

const ours = `${pluginFolder()}/tuning`;
const peers = `${ensurePeer().binDir}/tuning`;
const versions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
const originalMac = "02:00:00:00:00:01";
const mac = "02:00:00:00:00:22";

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

  constructor() {
    Container.#count += 1;
    this.name = `c${Container.#count}`;
    this.netns = host.addNetns(this.name);
    this.dataDir = `${host.tempDir()}/tuning`;
    const veth = ["type", "veth", "peer", "name", "peer0"];
    host.inNetns(this.name, "ip", ["link", "add", "eth0", "address", originalMac, ...veth]);
    host.inNetns(this.name, "ip", ["link", "set", "eth0", "up"]);
  }

  get backup(): string {
    return `${this.dataDir}/${this.name}_eth0.json`;
  }

  hasBackup(): boolean {
    return existsSync(host.outside(this.backup));
  }

  call(bin: string, command: Command, config: JsonObject, args?: string): PluginResponse {
    const attachment = { command, containerId: this.name, netns: this.netns, ifname: "eth0" };
    return callPlugin(
      host,
      bin,
      { ...attachment, ...(args !== undefined && { args }) },
      {
        cniVersion: "1.0.0",
        name: "net",
        type: "tuning",
        dataDir: this.dataDir,
        prevResult: { interfaces: [{ name: "eth0", mac: originalMac, sandbox: this.netns }] },
        ...config,
      },
    );
  }

  succeed(bin: string, command: Command, config: JsonObject, args?: string): string {
    const { status, stdout, stderr } = this.call(bin, command, config, args);
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "" }, stdout);
    return stdout;
  }

  /** The error's text. */
  fail(command: Command, config: JsonObject, args?: string): string {
    const { status, stdout, stderr, json } = this.call(ours, command, config, args);
    assert.deepEqual({ status, stderr }, { status: 1, stderr: "" }, stdout);
    return String(asObject(json)["msg"]);
  }

  link(): JsonObject {
    const [found] = ipJson(host, ["-d", "link", "show", "dev", "eth0"], this.name);
    const { address, mtu, txqlen, flags } = asObject(found);
    // ip leaves a length of 0 out.
    const has = (flag: string) => Array.isArray(flags) && flags.includes(flag);
    return { mac: address, mtu, txQLen: txqlen ?? 0, promisc: has("PROMISC"), allmulti: has("ALLMULTI") };
  }

  sysctl(path: string): string {
    return host.inNetns(this.name, "cat", [`/proc/sys/${path}`]).stdout.trim();
  }
}

const settings: JsonObject[] = [
  { mac },
  { mtu: 1400 },
  { promisc: true },
  { allmulti: true },
  { txQLen: 2000 },
  { mac, mtu: 1400, promisc: true, allmulti: true, txQLen: 2000 },
];

for (const setting of settings) {
  const keys = Object.keys(setting).join(", ");

  test(`${keys}: set by ADD, seen by CHECK, restored by DEL; in the config and in args.cni`, () => {
    for (const config of [setting, { args: { cni: setting } }]) {
      const container = new Container();
      const before = container.link();
      container.succeed(ours, "ADD", config);
      assert.deepEqual(container.link(), { ...before, ...setting });
      container.succeed(ours, "CHECK", config);
      container.succeed(ours, "DEL", config);
      assert.deepEqual(container.link(), before);
      assert.equal(container.hasBackup(), false);
      container.succeed(ours, "DEL", config);
    }
  });

  test(`${keys}: our backup is the Go plugin's byte for byte, and so is the result`, () => {
    const written = [ours, peers].map((bin) => {
      const container = new Container();
      const result = container.succeed(bin, "ADD", setting);
      return [host.readFile(container.backup), result.replaceAll(`/${container.name}`, "")];
    });
    assert.deepEqual(written[0], written[1]);
  });

  for (const [first, second, name] of [
    [ours, peers, "added by ours, ended by the Go plugin"],
    [peers, ours, "added by the Go plugin, ended by ours"],
  ] as const) {
    test(`${keys}: ${name}`, () => {
      const container = new Container();
      const before = container.link();
      const prevResult = asObject(JSON.parse(container.succeed(first, "ADD", setting)));
      // The Go plugin's CHECK compares addresses of memory with these two.
      const { allmulti, txQLen, ...comparable } = setting;
      container.succeed(second, "CHECK", { ...(second === ours ? setting : comparable), prevResult });
      assert.deepEqual(container.link(), { ...before, ...setting });
      for (let time = 1; time <= 2; time++) {
        container.succeed(second, "DEL", { ...setting, prevResult });
        assert.deepEqual(container.link(), before);
        assert.equal(container.hasBackup(), false);
      }
    });
  }
}

test("false and 0 switch allmulti and the queue off, and DEL brings them back", () => {
  const container = new Container();
  host.inNetns(container.name, "ip", ["link", "set", "eth0", "allmulticast", "on"]);
  const before = container.link();
  container.succeed(ours, "ADD", { allmulti: false, txQLen: 0 });
  assert.deepEqual(container.link(), { ...before, allmulti: false, txQLen: 0 });
  container.succeed(ours, "DEL", {});
  assert.deepEqual(container.link(), before);
});

test("the MAC comes from args.cni, else the runtime, else CNI_ARGS, else the config", () => {
  const at = (last: number) => `02:00:00:00:00:0${last}`;
  const sources: [JsonObject, string][] = [
    [{ mac: at(5) }, at(5)],
    [{ mac: at(5), capabilities: { mac: true }, RuntimeConfig: { mac: at(6) } }, at(6)],
    [{ mac: at(5), runtimeConfig: { mac: at(6) }, args: { cni: { mac: at(7) } } }, at(7)],
    [{ mac: at(5), args: { cni: { mac: "" } } }, originalMac],
  ];
  for (const [config, wanted] of sources) {
    const container = new Container();
    container.succeed(ours, "ADD", config);
    assert.equal(container.link()["mac"], wanted);
  }
  const container = new Container();
  container.succeed(ours, "ADD", { mac: at(5) }, `IgnoreUnknown=true;K8S_POD_NAME=x;MAC=${at(8)}`);
  assert.equal(container.link()["mac"], at(8));
  assert.match(container.fail("ADD", {}, "K8S_POD_NAME=x"), /unknown args \["K8S_POD_NAME=x"\]/);
});

for (const cniVersion of versions) {
  test(`${cniVersion}: prevResult comes out byte for byte as from the Go plugin`, () => {
    const prevResult =
      cniVersion < "0.3.0"
        ? {
            ip4: { ip: "10.0.0.5/24", gateway: "10.0.0.1", routes: [{ dst: "0.0.0.0/0" }] },
            dns: { domain: "x" },
          }
        : {
            interfaces: [
              { name: "cni0", mac: "0a:00:00:00:00:01" },
              { name: "eth0", sandbox: "/run/netns/x" },
            ],
            ips: [
              {
                ...(cniVersion < "1.0.0" && { version: "4" }),
                address: "10.0.0.5/24",
                gateway: "10.0.0.1",
                interface: 1,
              },
            ],
            routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1" }],
            dns: { nameservers: ["10.0.0.1"] },
          };
    const config = { cniVersion, prevResult, sysctl: { "net.ipv4.conf.IFNAME.arp_notify": "1" } };
    for (const more of [{}, { mac }]) {
      const [mine, theirs] = [ours, peers].map((bin) =>
        new Container().succeed(bin, "ADD", { ...config, ...more }),
      );
      assert.equal(mine, theirs);
    }
  });
}

test("sysctls are the container's; no backup is made for them", () => {
  const container = new Container();
  const sysctl = {
    "net.ipv4.conf.all.log_martians": "1",
    "net/ipv4/conf/IFNAME/arp_notify": "1",
    "net.core.somaxconn": "500",
  };
  const args = { cni: { sysctl: { "net.core.somaxconn": "600", "net.ipv4.conf.eth0.arp_filter": "1" } } };
  const onHost = host.run("cat", ["/proc/sys/net/core/somaxconn"]).stdout;
  container.succeed(ours, "ADD", { sysctl, args });
  assert.equal(container.sysctl("net/ipv4/conf/all/log_martians"), "1");
  assert.equal(container.sysctl("net/ipv4/conf/eth0/arp_notify"), "1");
  assert.equal(container.sysctl("net/ipv4/conf/eth0/arp_filter"), "1");
  assert.equal(container.sysctl("net/core/somaxconn"), "600");
  assert.equal(host.run("cat", ["/proc/sys/net/core/somaxconn"]).stdout, onHost);
  assert.equal(container.hasBackup(), false);
  for (const bin of [ours, peers]) {
    container.succeed(bin, "CHECK", { sysctl, args });
    container.succeed(bin, "DEL", { sysctl, args });
  }
  host.inNetns(container.name, "sh", ["-c", "echo 7 > /proc/sys/net/core/somaxconn"]);
  assert.match(container.fail("CHECK", { sysctl, args }), /somaxconn is 600, current value is 7/);
});

test("a sysctl that cannot be read before it is set is set", { skip: expectPeer }, () => {
  const container = new Container();
  const secret = "2001:db8::1";
  const sysctl = { "net.ipv6.conf.IFNAME.stable_secret": secret };
  container.succeed(ours, "CHECK", { sysctl });
  container.succeed(ours, "ADD", { sysctl });
  assert.equal(
    container.sysctl("net/ipv6/conf/eth0/stable_secret"),
    "2001:0db8:0000:0000:0000:0000:0000:0001",
  );
  container.succeed(ours, "CHECK", { sysctl });
  container.succeed(ours, "ADD", { sysctl });
  container.succeed(ours, "DEL", { sysctl });
});

test("CHECK compares values as the kernel reads them", { skip: expectPeer }, () => {
  const container = new Container();
  const sysctl = {
    "net.ipv4.conf.IFNAME.arp_notify": "0x1",
    "net.ipv4.conf.IFNAME.arp_ignore": "02",
    "net.ipv4.ip_local_reserved_ports": "8082,8081,8080,9000-9001",
  };
  container.succeed(ours, "ADD", { sysctl });
  assert.equal(container.sysctl("net/ipv4/ip_local_reserved_ports"), "8080-8082,9000-9001");
  container.succeed(ours, "CHECK", { sysctl });
  const fewer = { ...sysctl, "net.ipv4.ip_local_reserved_ports": "8080-8082" };
  assert.match(container.fail("CHECK", { sysctl: fewer }), /ip_local_reserved_ports is 8080-8082/);
});

test("an unknown value is no unknown parameter, and a dot in a name is explained", {
  skip: expectPeer,
}, () => {
  const container = new Container();
  const detailsOf = (key: string, value: string): string => {
    const { status, json } = container.call(ours, "ADD", { sysctl: { [key]: value } });
    assert.equal(status, 1);
    return String(asObject(json)["details"]);
  };
  assert.match(detailsOf("net.ipv4.tcp_congestion_control", "nosuch"), /knows no such value/);
  assert.match(detailsOf("net.ipv4.conf.eth0.7.arp_notify", "1"), /no such parameter.*write "IFNAME"/);
  assert.doesNotMatch(detailsOf("net.ipv4.conf.eth0.nope", "1"), /IFNAME/);
});

test("an expression of the allow-list does not keep a CPU busy, whatever the key", {
  timeout: 60_000,
}, () => {
  const container = new Container();
  const file = "/etc/cni/tuning/allowlist.conf";
  try {
    host.writeFile(file, "^net\\.ipv4\\.([a-z_]+\\.?)+$\n");
    const sysctl = { [`net.ipv4.${"a".repeat(5000)}!`]: "1" };
    assert.match(container.fail("ADD", { sysctl }), /is not allowed/);
  } finally {
    host.run("rm", ["-r", "/etc/cni/tuning"]);
  }
});

test("what ADD refuses", () => {
  const container = new Container();
  const before = container.link();
  const cases: [JsonObject | string, RegExp][] = [
    [
      { sysctl: { "kernel.shmmax": "1" } },
      /invalid net sysctl key: "kernel.shmmax"|invalid net sysctl key: "kernel\/shmmax"/,
    ],
    [{ sysctl: { "net.ipv4.nope": "1" } }, /\/proc\/sys\/net\/ipv4\/nope/],
    [{ sysctl: { "net.ipv4.ip_forward": 1 } }, /sysctl/],
    [{ mac: "zz" }, /invalid MAC address/],
    [{ mac: "ff:ff:ff:ff:ff:ff" }, /multicast|cannot assign requested address/],
    [{ mtu: 100000 }, /EINVAL|invalid argument/],
    [{ mtu: "1400" }, /mtu/],
    [{ prevResult: null }, /Required prevResult missing/],
    [
      { prevResult: { cniVersion: "0.4.0" } },
      /could not parse prevResult: result type supports \[1\.0\.0 1\.1\.0\]/,
    ],
  ];
  for (const [config, message] of cases) {
    assert.match(container.fail("ADD", asObject(config)), message);
    assert.deepEqual(container.link(), before);
  }
  const twice = JSON.stringify({ cniVersion: "1.0.0", name: "n", prevResult: {}, sysctl: {} }).replace(
    '"sysctl":{}',
    '"sysctl":{"net.ipv4.ip_forward":"1","net.ipv4.ip_forward":"1"}',
  );
  const call = { command: "ADD", containerId: "c", netns: container.netns, ifname: "eth0" } as const;
  const { json } = callPlugin(host, ours, call, twice);
  assert.equal(asObject(json)["msg"], "duplicated sysctl keys are not allowed");
});

test("the allow-list", () => {
  const container = new Container();
  const file = "/etc/cni/tuning/allowlist.conf";
  try {
    host.writeFile(file, "^net\\.core\\.\r\n\r\n  (?i)^NET\\.IPV4\\.conf\\.ifname\\.[[:alpha:]_]+\\z \n");
    container.succeed(ours, "ADD", {
      sysctl: { "net.core.somaxconn": "5", "net.ipv4.conf.IFNAME.arp_notify": "1" },
    });
    const sysctl = { "net.ipv4.ip_forward": "1" };
    assert.match(
      container.fail("ADD", { sysctl }),
      /^Sysctl net\.ipv4\.ip_forward is not allowed\. Only the/,
    );
    container.succeed(ours, "DEL", { sysctl });
  } finally {
    host.run("rm", ["-r", "/etc/cni/tuning"]);
  }
});

test("DEL with namespace or interface gone succeeds and leaves nothing", () => {
  for (const command of [["netns", "delete"], ["-n"]] as const) {
    const container = new Container();
    container.succeed(ours, "ADD", { mtu: 1400 });
    host.run(
      "ip",
      command[0] === "-n" ? ["-n", container.name, "link", "del", "eth0"] : [...command, container.name],
    );
    container.succeed(ours, "DEL", { mtu: 1400 });
    if (!expectPeer) assert.equal(container.hasBackup(), false);
  }
});

test("after a repeated ADD, DEL restores the originals", { skip: expectPeer }, () => {
  const container = new Container();
  const before = container.link();
  container.succeed(peers, "ADD", { mtu: 1400, mac });
  container.succeed(ours, "ADD", { mtu: 1400, mac });
  container.succeed(peers, "DEL", {});
  assert.deepEqual(container.link(), before);
});
