/** firewall with a real firewalld: ours and the Go plugin bind the same addresses, and each ends what the other began. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { startFakeBus } from "../../harness/fakes/fake-bus.ts";
import { standardPath } from "../../harness/host/command.ts";
import { firewallCmd, sourcesOf, startBus, startFirewalld } from "../../harness/host/firewalld.ts";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { asObject, type JsonObject } from "../../harness/host/json.ts";
import { waitUntil } from "../../harness/host/wait.ts";
import { pluginFolder } from "../../harness/plugins/binaries.ts";
import { cacheResult } from "../../harness/plugins/cached-result.ts";
import { ensurePeer } from "../../harness/plugins/peers.ts";
import {
  type Command,
  callPlugin,
  callPluginAsync,
  type PluginCall,
  type PluginResponse,
} from "../../harness/plugins/plugin-call.ts";
import { isUnreachable, serveHttp } from "../../harness/traffic/traffic.ts";

const ours = `${pluginFolder()}/firewall`;
const peers = `${ensurePeer().binDir}/firewall`;

type Attachment = {
  id?: string;
  ips?: string[];
  bridge?: string;
  keys?: JsonObject;
  network?: string;
  prevResult?: boolean;
  environment?: Partial<PluginCall>;
};

function call(host: Host, bin: string, command: Command, attachment: Attachment = {}): PluginResponse {
  const { id = "c1", ips = ["10.0.0.2/24"], bridge = "cni0", network = "mynet", keys } = attachment;
  const interfaces = [{ name: bridge }, { name: "eth0", sandbox: `/run/netns/${id}` }];
  const prevResult = { cniVersion: "1.1.0", interfaces, ips: ips.map((address) => ({ address })) };
  const config = {
    ...{ cniVersion: "1.1.0", name: network, type: "firewall", ...keys },
    ...(attachment.prevResult === false ? {} : { prevResult }),
  };
  const who = { containerId: id, netns: `/run/netns/${id}`, ifname: "eth0" };
  const environment = command === "GC" || command === "STATUS" ? {} : who;
  return callPlugin(host, bin, { command, ...environment, ...attachment.environment }, config);
}

function succeed(host: Host, bin: string, command: Command, attachment: Attachment = {}): void {
  const { status, stdout, stderr } = call(host, bin, command, attachment);
  assert.equal(status, 0, `${command}: ${stdout}${stderr}`);
  assert.equal(stderr, "", command);
}

function refuse(
  host: Host,
  command: Command,
  attachment: Attachment = {},
): { code: unknown; msg: string; details: string } {
  const { status, stderr, json } = call(host, ours, command, attachment);
  assert.equal(status, 1, command);
  assert.equal(stderr, "");
  const { code, msg, details } = asObject(json);
  return { code, msg: String(msg), details: String(details) };
}

/** The rules of iptables; none is firewalld's, which has a table of nftables. */
function saved(host: Host): string[] {
  const lines = ["iptables-save", "ip6tables-save"].flatMap((tool) => host.run(tool).stdout.split("\n"));
  return lines.filter((line) => line.startsWith("-A"));
}

function records(host: Host): string[] {
  const { stdout } = host.run("find", ["/run/cni", "-type", "f"]);
  return stdout.split("\n").filter((line) => line !== "");
}

async function hostWithFirewalld(t: TestContext) {
  const host = await hostFor(t);
  for (const id of ["c1", "c2", "c3"]) host.addNetns(id);
  const bus = await startBus(host);
  const firewalld = await startFirewalld(host);
  return { host, bus, firewalld };
}

const explicit: JsonObject = { backend: "firewalld" };
const v6 = "2001:db8:1::2/64";
const both: Attachment = { ips: ["10.0.0.2/24", v6] };
const bothSources = ["10.0.0.2/32", "2001:db8:1::2/128"];

test("the address is bound by ADD, seen by CHECK and unbound by DEL, by ours and the Go plugin in turns", async (t) => {
  const { host } = await hostWithFirewalld(t);
  firewallCmd(host, "--permanent", "--new-zone=containers");
  firewallCmd(host, "--reload");
  const zones: [zone: string, JsonObject][] = [
    ["trusted", {}],
    ["trusted", explicit],
    ["containers", { backend: "foo", firewalldZone: "containers" }],
  ];
  for (const [zone, keys] of zones) {
    for (const [adds, deletes] of [
      [ours, ours],
      [ours, peers],
      [peers, ours],
    ] as const) {
      const attachment = { ...both, keys };
      for (const when of ["first", "second"]) {
        succeed(host, adds, "ADD", attachment);
        assert.deepEqual(sourcesOf(host, zone), bothSources, `after the ${when} ADD`);
      }
      for (const bin of [ours, peers]) succeed(host, bin, "CHECK", attachment);
      for (const when of ["first", "second"]) {
        succeed(host, deletes, "DEL", attachment);
        assert.deepEqual(sourcesOf(host, zone), [], `after the ${when} DEL`);
      }
      succeed(host, ours, "DEL", attachment);
    }
  }
  assert.deepEqual(saved(host), []);
  assert.deepEqual(records(host), []);
});

test("packets of a container pass where the default zone drops, and only while it is attached", async (t) => {
  const { host } = await hostWithFirewalld(t);
  host.run("sysctl", ["-qw", "net.ipv4.ip_forward=1"]);
  host.addNetns("outside");
  for (const [netns, near, far] of [
    ["c1", "10.0.0.1", "10.0.0.2"],
    ["outside", "192.0.2.1", "192.0.2.2"],
  ] as const) {
    host.run("ip", ["link", "add", `v-${netns}`, "type", "veth", "peer", "name", "eth0", "netns", netns]);
    host.run("ip", ["address", "add", `${near}/24`, "dev", `v-${netns}`]);
    host.run("ip", ["link", "set", `v-${netns}`, "up"]);
    host.run("ip", ["address", "add", `${far}/24`, "dev", "eth0"], { netns });
    host.run("ip", ["link", "set", "eth0", "up"], { netns });
    host.run("ip", ["route", "add", "default", "via", near], { netns });
  }
  await serveHttp(host, "outside", 80, "outside");
  const reaches = () => !isUnreachable(host, "http://192.0.2.2:80/", { netns: "c1" });
  firewallCmd(host, "--set-default-zone=trusted");
  await waitUntil("everything is up", reaches);

  firewallCmd(host, "--set-default-zone=drop");
  assert.ok(!reaches(), "before ADD");
  succeed(host, ours, "ADD");
  assert.ok(reaches(), "attached");
  succeed(host, ours, "DEL", { prevResult: false });
  assert.ok(!reaches(), "after DEL");
});

test("CHECK tells what a reload has forgotten, and reapply, or a new ADD, binds it again", async (t) => {
  const { host, firewalld } = await hostWithFirewalld(t);
  succeed(host, ours, "ADD");
  const plugins = [{ type: "firewall" }];
  const list = { cniVersion: "1.1.0", name: "mynet", plugins };
  cacheResult(host, { network: "mynet", containerId: "c1" }, list, {
    result: { cniVersion: "1.1.0", interfaces: [{ name: "cni0" }], ips: [{ address: "10.0.0.2/24" }] },
  });
  host.inNetns("c1", "ip", ["address", "add", "10.0.0.2/24", "dev", "lo"]);
  firewallCmd(host, "--reload");
  assert.equal(refuse(host, "CHECK").code, 105);
  const { stdout, stderr } = host.run(ours, ["reapply"], { env: {} });
  assert.match(stdout, /^firewall: mynet\/c1\/eth0: made again: failed to find the address .*\n$/);
  assert.equal(stderr, "");
  assert.deepEqual(sourcesOf(host), ["10.0.0.2/32"]);
  succeed(host, ours, "CHECK");

  firewallCmd(host, "--reload");
  succeed(host, peers, "CHECK");
  const { code, msg, details } = refuse(host, "CHECK");
  assert.equal(code, 105);
  assert.match(msg, /^failed to find the address 10\.0\.0\.2\/32 in trusted zone/);
  assert.match(details, /firewall-cmd --zone=trusted --add-source=10\.0\.0\.2\/32/);
  assert.deepEqual(sourcesOf(host), [], "CHECK has bound nothing");
  succeed(host, ours, "ADD");
  succeed(host, ours, "CHECK");

  await firewalld.stop();
  assert.match(refuse(host, "CHECK").msg, /^failed to find the address 10\.0\.0\.2\/32 in trusted zone: /);
  await startFirewalld(host);
  assert.equal(refuse(host, "CHECK").code, 105);
});

test("DEL without prevResult, a late DEL, and GC", async (t) => {
  const { host } = await hostWithFirewalld(t);
  succeed(host, ours, "ADD", both);
  host.delNetns("c1");
  succeed(host, ours, "DEL", { prevResult: false });
  assert.deepEqual(sourcesOf(host), []);

  host.addNetns("c1");
  succeed(host, ours, "ADD");
  succeed(host, ours, "ADD", { id: "c2" });
  for (const late of [{}, { prevResult: false }]) succeed(host, ours, "DEL", late);
  assert.deepEqual(sourcesOf(host), ["10.0.0.2/32"], "the new owner keeps the address");

  succeed(host, ours, "ADD", { id: "c3", ips: ["10.0.0.3/24"] });
  succeed(host, ours, "ADD", { id: "c1", ips: ["10.0.0.4/24"], network: "other" });
  const valid = [{ containerID: "c2", ifname: "eth0" }];
  succeed(host, ours, "GC", { prevResult: false, keys: { "cni.dev/valid-attachments": valid } });
  assert.deepEqual(sourcesOf(host), ["10.0.0.2/32", "10.0.0.4/32"]);
  assert.equal(records(host).length, 2 * 2, "a record and a mark for each address");
});

test("an ADD that fails half-way unbinds what it has bound, and nothing else", async (t) => {
  const { host } = await hostWithFirewalld(t);
  firewallCmd(host, "--zone=trusted", "--add-source=10.0.0.1/32");
  firewallCmd(host, "--zone=work", "--add-source=10.0.0.3/32");
  const three: Attachment = {
    ips: ["10.0.0.1/24", "10.0.0.2/24", "10.0.0.3/24"],
    keys: { ingressPolicy: "isolated" },
  };
  const { code, msg, details } = refuse(host, "ADD", three);
  assert.equal(code, 103);
  assert.match(msg, /^failed to add the address 10\.0\.0\.3\/32 to trusted zone: ZONE_CONFLICT/);
  assert.match(details, /--get-active-zones/);
  assert.deepEqual(sourcesOf(host), ["10.0.0.1/32"]);
  assert.deepEqual(sourcesOf(host, "work"), ["10.0.0.3/32"]);
  assert.deepEqual(saved(host), []);
  assert.deepEqual(records(host), []);
});

test("an unknown zone is refused by ADD and STATUS", async (t) => {
  const { host } = await hostWithFirewalld(t);
  const attachment: Attachment = { keys: { firewalldZone: "nowhere" } };
  const { code, msg, details } = refuse(host, "ADD", attachment);
  assert.equal(code, 7);
  assert.match(msg, /^failed to add the address 10\.0\.0\.2\/32 to nowhere zone: INVALID_ZONE/);
  assert.match(details, /firewall-cmd --get-zones/);
  assert.equal(refuse(host, "STATUS", attachment).code, 50);
  succeed(host, ours, "STATUS");
});

test("with a policy there are the Go plugin's isolation rules, and they go with the last container", async (t) => {
  const { host } = await hostWithFirewalld(t);
  const { host: other } = await hostWithFirewalld(t);
  const attachment: Attachment = { ...both, keys: { ingressPolicy: "isolated" } };
  succeed(host, ours, "ADD", attachment);
  succeed(other, peers, "ADD", attachment);
  assert.deepEqual(saved(host), saved(other));
  succeed(host, ours, "CHECK", attachment);
  succeed(other, ours, "CHECK", attachment);

  const isolates = () => saved(host).some((line) => line.endsWith("-j DROP"));
  const second: Attachment = { ...attachment, id: "c2", ips: ["10.0.0.3/24"] };
  succeed(host, peers, "ADD", second);
  succeed(host, ours, "DEL", attachment);
  assert.ok(isolates(), "the Go plugin's container may need it");
  succeed(host, ours, "ADD", second);
  succeed(host, ours, "DEL", second);
  assert.ok(!isolates(), saved(host).join("\n"));
});

test("another backend or zone than at the last ADD leaves nothing of that one", async (t) => {
  const { host } = await hostWithFirewalld(t);
  const accepts = () => saved(host).some((line) => line.includes("10.0.0.2"));
  succeed(host, ours, "ADD", { keys: { backend: "iptables" } });
  assert.ok(accepts());
  succeed(host, ours, "ADD");
  assert.ok(!accepts());
  assert.deepEqual(sourcesOf(host), ["10.0.0.2/32"]);
  succeed(host, ours, "ADD", { keys: { firewalldZone: "work" } });
  assert.deepEqual([sourcesOf(host), sourcesOf(host, "work")], [[], ["10.0.0.2/32"]]);
  succeed(host, ours, "ADD", { keys: { backend: "iptables" } });
  assert.deepEqual(sourcesOf(host, "work"), []);
  succeed(host, ours, "DEL");
  assert.ok(!accepts());
  assert.deepEqual(records(host), []);
});

test("DEL works when firewalld is gone, and when the bus is", async (t) => {
  const { host, bus, firewalld } = await hostWithFirewalld(t);
  for (const [id, keys] of [
    ["c1", {}],
    ["c2", explicit],
    ["c3", { ingressPolicy: "isolated" }],
  ] as const) {
    succeed(host, ours, "ADD", { id, ips: [`10.0.0.1${id.slice(1)}/24`], keys });
  }
  await firewalld.stop();
  succeed(host, ours, "DEL", { id: "c1", ips: ["10.0.0.11/24"] });
  succeed(host, ours, "DEL", { id: "c2", prevResult: false, keys: explicit });
  assert.equal(refuse(host, "ADD", { keys: explicit }).code, 101);
  assert.equal(refuse(host, "STATUS", { keys: explicit }).code, 50);
  await bus.stop();
  succeed(host, ours, "DEL", { id: "c2", ips: ["10.0.0.12/24"], keys: explicit });
  succeed(host, ours, "DEL", { id: "c3", prevResult: false, keys: { ingressPolicy: "isolated" } });
  assert.deepEqual(records(host), []);
  assert.ok(!saved(host).some((line) => line.endsWith("-j DROP")));

  // Neither is needed for the other backend.
  succeed(host, ours, "ADD");
  assert.ok(saved(host).some((line) => line.includes("-s 10.0.0.2/32 -j ACCEPT")));
  succeed(host, ours, "DEL");
});

/** The same attachment on a host with this bus. */
function through(address: string, keys: JsonObject = {}): Attachment {
  return { keys, environment: { extraEnv: { PATH: standardPath, DBUS_SYSTEM_BUS_ADDRESS: address } } };
}

test("a firewalld that answers late is waited for", async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  const bus = await startFakeBus(host, ["late", "1500"]);
  succeed(host, ours, "ADD", through(bus.address));
  succeed(host, ours, "DEL", through(bus.address));
  await waitUntil("the calls are known", () => bus.calls.length === 2);
  assert.deepEqual(bus.calls, ["addSource", "removeSource"]);
  assert.deepEqual(saved(host), []);
});

test("a call connects to the bus once, however often it needs firewalld", async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  const bus = await startFakeBus(host, ["late", "0"]);
  // Without iptables firewalld is asked for twice: to rule nftables out, and to bind the address.
  host.run("sh", ["-c", "realpath $(which iptables ip6tables) | sort -u | xargs -n1 mount --bind /dev/null"]);
  succeed(host, ours, "ADD", through(bus.address));
  await waitUntil("the calls are known", () => bus.calls.length === 1);
  assert.equal(bus.connections.length, 1);
  // The third time is for the zone of the ADD before.
  succeed(host, ours, "ADD", through(bus.address, { firewalldZone: "internal" }));
  await waitUntil("the calls are known", () => bus.calls.length === 4);
  assert.deepEqual(bus.calls, ["addSource", "removeSource", "addSource", "removeSource"]);
  assert.equal(bus.connections.length, 2);
});

test("a firewalld that never answers is given up: nothing is left but a request to unbind", async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  const bus = await startFakeBus(host, ["silent"]);
  const { code, msg } = refuse(host, "ADD", through(bus.address, { ingressPolicy: "isolated" }));
  assert.equal(code, 11);
  assert.match(msg, /^failed to add the address 10\.0\.0\.2\/32 to trusted zone: .*no answer within 25 s/);
  await waitUntil("the calls are known", () => bus.calls.length === 2);
  assert.deepEqual(bus.calls, ["addSource", "removeSource"]);
  assert.deepEqual(saved(host), []);
  assert.deepEqual(records(host), []);
});

test("a bus that never answers has no firewalld", async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  const bus = await startFakeBus(host, ["dead"]);
  succeed(host, ours, "ADD", through(bus.address));
  assert.ok(saved(host).some((line) => line.includes("-s 10.0.0.2/32 -j ACCEPT")));
  succeed(host, ours, "DEL", through(bus.address));
  assert.match(refuse(host, "ADD", through(bus.address, explicit)).msg, /^the D-Bus system bus: no answer/);
  assert.deepEqual(records(host), []);
});

test("an error that nobody knows has firewalld's own words", async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  const bus = await startFakeBus(host, ["error", "org.example.Error", "out of paper"]);
  const { code, msg } = refuse(host, "ADD", through(bus.address));
  assert.equal(code, 102);
  assert.equal(msg, "failed to add the address 10.0.0.2/32 to trusted zone: out of paper");
  assert.deepEqual(records(host), []);
  succeed(host, ours, "DEL", through(bus.address));
});

test("who may not change a firewalld that was only found is told how to do without", async (t) => {
  const { host } = await hostWithFirewalld(t);
  const folder = host.tempDir();
  host.run("chown", ["nobody", folder]);
  const add = (keys: JsonObject) => {
    const prevResult = { cniVersion: "1.1.0", ips: [{ address: "10.0.0.2/24" }] };
    const config = {
      cniVersion: "1.1.0",
      name: "mynet",
      type: "firewall",
      dataDir: folder,
      ...keys,
      prevResult,
    };
    const env = {
      CNI_COMMAND: "ADD",
      CNI_CONTAINERID: "c1",
      CNI_NETNS: "/run/netns/c1",
      CNI_IFNAME: "eth0",
    };
    const options = {
      env: { ...env, CNI_PATH: "/", PATH: standardPath },
      input: JSON.stringify(config),
      check: false,
    };
    return host.run("setpriv", ["--reuid=nobody", "--clear-groups", ours], options);
  };
  const detected = asObject(JSON.parse(add({}).stdout));
  assert.equal(detected["code"], 102, JSON.stringify(detected));
  assert.match(
    String(detected["msg"]),
    /^failed to add the address 10\.0\.0\.2\/32 to trusted zone: Not Auth/,
  );
  assert.match(String(detected["details"]), /chosen because it runs.*"backend": "iptables"/);
  assert.doesNotMatch(String(detected["details"]), /not undone/);
  const named = asObject(JSON.parse(add(explicit).stdout));
  assert.match(String(named["details"]), /polkit/);
  assert.deepEqual(sourcesOf(host), []);
});

test("without a bus, as without firewalld, iptables is used", async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  for (const address of ["unix:path=/run/nothing", "unix:abstract=nothing", "tcp:host=127.0.0.1,port=1"]) {
    succeed(host, ours, "ADD", through(address));
    assert.ok(saved(host).some((line) => line.includes("-s 10.0.0.2/32 -j ACCEPT")));
    succeed(host, ours, "DEL", through(address));
  }
  await startBus(host);
  succeed(host, ours, "ADD");
  succeed(host, ours, "CHECK");
  succeed(host, ours, "STATUS");
  assert.ok(saved(host).some((line) => line.includes("-s 10.0.0.2/32 -j ACCEPT")));
  const { code, msg, details } = refuse(host, "ADD", { keys: explicit });
  assert.equal(code, 101);
  assert.match(msg, /The name org\.fedoraproject\.FirewallD1 was not provided/);
  assert.match(details, /start firewalld/);
});

test("twelve ADDs and twelve DELs at once", async (t) => {
  const { host } = await hostWithFirewalld(t);
  const all = async (command: Command) => {
    const calls = Array.from({ length: 12 }, (_, index) => {
      const prevResult = {
        cniVersion: "1.1.0",
        interfaces: [{ name: "cni0" }],
        ips: [{ address: `10.0.0.${index + 2}/24` }],
      };
      const config = {
        cniVersion: "1.1.0",
        name: "mynet",
        type: "firewall",
        ingressPolicy: "isolated",
        prevResult,
      };
      const who = { containerId: `p${index}`, netns: "/run/netns/c1", ifname: "eth0" };
      return callPluginAsync(host, ours, { command, ...who }, config);
    });
    for (const { status, stdout } of await Promise.all(calls)) assert.equal(status, 0, stdout);
  };
  await all("ADD");
  assert.equal(sourcesOf(host).length, 12);
  await all("DEL");
  assert.deepEqual(sourcesOf(host), []);
  assert.deepEqual(records(host), []);
  assert.ok(!saved(host).some((line) => line.endsWith("-j DROP")));
});
