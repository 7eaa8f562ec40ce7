/** host-local and the Go plugin give out the same addresses, byte for byte, and share one directory. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { type Host, hostFor } from "../../harness/host/host.ts";
import type { JsonObject } from "../../harness/host/json.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { ensurePeer, type PeerRelease } from "../../harness/plugins/peers.ts";
import {
  type Command,
  callPlugin,
  callPluginAsync,
  type PluginResponse,
} from "../../harness/plugins/plugin-call.ts";
import { firstAddress } from "../../harness/plugins/result.ts";

const ours = `${pluginFolder()}/host-local`;
const peers = `${ensurePeer().binDir}/host-local`;

/** `key` is what a config has beside name and type; ADD and DEL are written "+id" and "-id". */
type Case = {
  what: string;
  cniVersion?: string;
  ipam: JsonObject;
  more?: JsonObject;
  calls: string;
  args?: string;
  /** The Go plugin to compare with, when it is not the newest. */
  release?: PeerRelease;
};

const both = [[{ subnet: "10.1.0.0/29" }], [{ subnet: "fd00:0:1::/64" }]];
const routes = [
  { dst: "0.0.0.0/0" },
  { dst: "3FFE:ffff:0:01ff::1/64", gw: "fd00:0:1::1", mtu: 1400, advmss: 0, table: 0, scope: 253 },
];
const round = "+a +b -a +c +d +e +f +g +g -c +h";

const cases: Case[] = [
  ...["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"].map((cniVersion) => ({
    what: `version ${cniVersion}`,
    cniVersion,
    ipam: { ranges: both, routes, resolvConf: "/run/resolv.conf" },
    calls: "+a +b",
  })),
  { what: "no version", cniVersion: "", ipam: { subnet: "10.1.0.0/24", routes }, calls: "+a" },
  { what: "round robin", ipam: { subnet: "10.1.0.0/29" }, calls: round },
  {
    what: "two ranges in a set",
    ipam: { ranges: [[{ subnet: "10.1.0.0/30" }, { subnet: "10.2.0.0/29" }]] },
    calls: round,
  },
  { what: "IPv6 to its last address", ipam: { subnet: "fd00::/125" }, calls: round },
  {
    what: "bounds and gateway",
    ipam: { subnet: "10.1.0.0/24", rangeStart: "10.1.0.0", rangeEnd: "10.1.0.4", gateway: "10.1.0.3" },
    calls: round,
  },
  {
    what: "up to broadcast",
    ipam: { subnet: "10.1.0.0/24", rangeStart: "10.1.0.253", rangeEnd: "10.1.0.255" },
    calls: round,
  },
  {
    what: "gateway elsewhere, which the newest release refuses",
    ipam: { subnet: "10.1.0.0/29", gateway: "10.9.0.1" },
    calls: round,
    release: "1.9.1",
  },
  {
    what: "two sets of a family",
    ipam: { ranges: [[{ subnet: "10.1.0.0/29" }], [{ subnet: "10.2.0.0/29" }]] },
    calls: "+a +b -a +c",
  },
  {
    what: "the second set is full",
    ipam: { ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "10.2.0.0/30" }]] },
    calls: "+a +b",
  },
  {
    what: "all sources of ranges",
    ipam: { subnet: "10.1.0.0/24", ranges: [[{ subnet: "fd00::/64" }]] },
    more: { RuntimeConfig: { ipRanges: [[{ subnet: "10.2.0.0/24" }]] } },
    calls: "+a +b",
  },
  {
    what: "CNI_ARGS",
    ipam: { subnet: "10.1.0.0/24" },
    args: "IgnoreUnknown=true;X=y;IP=10.1.0.9/8",
    calls: "+a +b -a +b +b",
  },
  {
    what: "runtimeConfig.ips",
    ipam: { ranges: both },
    more: { runtimeConfig: { ips: ["FD00:0:1::77/64"] } },
    calls: "+a +b",
  },
  {
    what: "args.cni.ips",
    ipam: { ranges: both },
    more: { args: { cni: { ips: ["fd00:0:1::77", "10.1.0.5/29"] } } },
    calls: "+a +b",
  },
  { what: "the gateway is asked for", ipam: { subnet: "10.1.0.0/24" }, args: "IP=10.1.0.1", calls: "+a -a" },
  { what: "an address that no range has", ipam: { subnet: "10.1.0.0/24" }, args: "IP=10.9.0.1", calls: "+a" },
  { what: "host bits", ipam: { subnet: "10.1.0.5/24" }, calls: "+a" },
  { what: "no range", ipam: {}, calls: "+a" },
  { what: "overlap", ipam: { subnet: "10.1.0.0/24", ranges: [[{ subnet: "10.1.0.0/16" }]] }, calls: "+a" },
  { what: "no resolvConf", ipam: { subnet: "10.1.0.0/24", resolvConf: "/run/none" }, calls: "+a" },
];

test("the same calls give the same results and leave the same files", async (t) => {
  const host = await hostFor(t);
  host.writeFile("/run/resolv.conf", "nameserver 1.1.1.1\ndomain a\nsearch a b # c\noptions x\noptions y\n");
  for (const { what, calls, ipam, more = {}, cniVersion = "1.0.0", args, release } of cases) {
    await t.test(what, () => {
      const other = `${ensurePeer(release).binDir}/host-local`;
      const dataDirs = [ours, other].map((bin) => ({ bin, dataDir: host.tempDir() }));
      for (const call of calls.split(" ")) {
        const [mine, theirs] = dataDirs.map(({ bin, dataDir }) => {
          const config = { cniVersion, name: "net", type: "bridge", ipam: { ...ipam, dataDir }, ...more };
          const command = call.startsWith("+") ? "ADD" : "DEL";
          const variables = { command, containerId: call.slice(1), netns: "/none", ifname: "eth0" } as const;
          return callPlugin(host, bin, { ...variables, ...(args === undefined ? {} : { args }) }, config);
        });
        assert.equal(mine?.status, theirs?.status, `${call}: ${mine?.stdout} ${theirs?.stdout}`);
        const succeeded = theirs?.status === 0;
        if (succeeded) assert.equal(mine?.stdout, theirs.stdout, call);
        // The Go plugin moves cursors also in an ADD that fails later.
        const [left, right] = dataDirs.map(({ dataDir }) =>
          succeeded ? contents(host, dataDir) : leasesIn(host, dataDir),
        );
        assert.deepEqual(left, right, call);
      }
    });
  }
});

/** Names, modes and contents of leases and cursors. */
function contents(host: Host, dataDir: string): string[] {
  return filesIn(host, dataDir).map((name) => {
    const path = host.outside(`${dataDir}/net/${name}`);
    return `${name} ${(statSync(path).mode & 0o777).toString(8)} ${JSON.stringify(readFileSync(path, "utf8"))}`;
  });
}

function leasesIn(host: Host, dataDir: string): string[] {
  return filesIn(host, dataDir).filter((name) => !name.startsWith("last_reserved_ip"));
}

function filesIn(host: Host, dataDir: string): string[] {
  const folder = host.outside(`${dataDir}/net`);
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  // The Go plugin makes directory and lock also for a DEL.
  return names.filter((name) => name !== "lock");
}

/** A network that both plugins use. */
class Shared {
  readonly host: Host;
  readonly dataDir: string;
  ipam: JsonObject = { subnet: "10.1.0.0/16" };
  version = "1.0.0";

  constructor(host: Host, dataDir: string) {
    this.host = host;
    this.dataDir = dataDir;
  }

  static async make(t: TestContext): Promise<Shared> {
    const host = await hostFor(t);
    return new Shared(host, host.tempDir());
  }

  call(bin: string, command: Command, containerId: string): PluginResponse {
    return callPlugin(this.host, bin, this.#variables(command, containerId), this.#config());
  }

  callAsync(bin: string, command: Command, containerId: string): Promise<PluginResponse> {
    return callPluginAsync(this.host, bin, this.#variables(command, containerId), this.#config());
  }

  ok(bin: string, command: Command, containerId: string): PluginResponse {
    const response = this.call(bin, command, containerId);
    assert.equal(response.status, 0, `${command} ${containerId} by ${bin}: ${response.stdout}`);
    assert.equal(response.stderr, "");
    return response;
  }

  leases(): string[] {
    return leasesIn(this.host, this.dataDir);
  }

  #variables(command: Command, containerId: string) {
    return { command, containerId, netns: "/none", ifname: "eth0" };
  }

  #config(): JsonObject {
    const ipam = { type: "host-local", dataDir: this.dataDir, ...this.ipam };
    return { cniVersion: this.version, name: "net", type: "bridge", ipam };
  }
}

test("two hundred ADDs that alternate between both plugins never give one address twice", async (t) => {
  const network = await Shared.make(t);
  const addresses = Array.from({ length: 200 }, (_, index) => {
    const bin = index % 2 === 0 ? ours : peers;
    return firstAddress(network.ok(bin, "ADD", `c${index}`).json);
  });
  // Each goes on where the other stopped.
  assert.deepEqual(
    addresses,
    addresses.map((_, index) => `10.1.0.${index + 2}`),
  );
  assert.equal(network.leases().length, 200);
});

test("each plugin checks, refuses and releases what the other leased", async (t) => {
  const network = await Shared.make(t);
  network.ipam = { ranges: both };
  for (const [first, second] of [
    [ours, peers],
    [peers, ours],
  ] as const) {
    network.ok(first, "ADD", "a");
    network.ok(second, "CHECK", "a");
    const again = network.call(second, "ADD", "a");
    assert.equal(again.status, 1);
    assert.match(again.stdout, /has been allocated to a, duplicate allocation is not allowed/);
    network.ok(second, "DEL", "a");
    assert.deepEqual(network.leases(), []);
    assert.equal(network.call(first, "CHECK", "a").status, 1);
    network.ok(first, "DEL", "a");
  }
});

test("ADDs and DELs of both plugins at the same moment: every address once, nothing left", async (t) => {
  const network = await Shared.make(t);
  network.ipam = { ranges: [[{ subnet: "10.1.0.0/27" }], [{ subnet: "fd00::/64" }]] };
  const ids = Array.from({ length: 20 }, (_, index) => `c${index}`);
  const pick = (index: number, turn: number): string => ((index + turn) % 2 === 0 ? ours : peers);
  const added = await Promise.all(ids.map((id, index) => network.callAsync(pick(index, 0), "ADD", id)));
  assert.deepEqual(
    added.filter(({ status }) => status !== 0),
    [],
  );
  assert.equal(new Set(added.map(({ json }) => firstAddress(json))).size, ids.length);
  assert.equal(network.leases().length, 2 * ids.length);
  const released = await Promise.all(ids.map((id, index) => network.callAsync(pick(index, 1), "DEL", id)));
  assert.deepEqual(
    released.filter(({ status }) => status !== 0),
    [],
  );
  assert.deepEqual(network.leases(), []);
});

test("leases in the default directory, on an overlay file system", async (t) => {
  const host = await hostFor(t);
  const config = { cniVersion: "1.0.0", name: "net", type: "bridge", ipam: { subnet: "10.1.0.0/24" } };
  const call = (command: Command): void => {
    const variables = { command, containerId: "a", netns: "/none", ifname: "eth0" };
    const { status, stdout } = callPlugin(host, ours, variables, config);
    assert.equal(status, 0, stdout);
  };
  call("ADD");
  call("CHECK");
  const files = contents(host, "/var/lib/cni/networks");
  assert.ok(files.includes('10.1.0.2 600 "a\\r\\neth0"'), files.join());
  call("DEL");
  assert.deepEqual(leasesIn(host, "/var/lib/cni/networks"), []);
});

test("on a read-only file system nothing is claimed to be released", { skip: expectPeer }, async (t) => {
  const network = await Shared.make(t);
  network.ok(ours, "ADD", "a");
  network.host.run("mount", ["--bind", network.dataDir, network.dataDir]);
  network.host.run("mount", ["-o", "remount,bind,ro", network.dataDir]);
  for (const command of ["ADD", "DEL"] as const) {
    const id = command === "ADD" ? "b" : "a";
    const { status, stdout } = network.call(ours, command, id);
    assert.equal(status, 1);
    assert.match(stdout, /EROFS, read-only file system/);
  }
  network.ok(ours, "CHECK", "a");
  network.ok(ours, "DEL", "unknown");
  network.version = "1.1.0";
  assert.match(
    network.call(ours, "STATUS", "").stdout,
    /"code": 50,\s+"msg": "cannot keep leases in .*EROFS/,
  );
  network.host.run("umount", [network.dataDir]);
  network.ok(ours, "STATUS", "");
  network.ok(ours, "DEL", "a");
  assert.deepEqual(network.leases(), []);
});
