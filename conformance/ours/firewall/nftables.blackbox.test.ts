/** firewall's nftables backend, which the Go plugin does not have: selection, removal, CHECK, GC, STATUS. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cnitool } from "../../harness/clients/cnitool.ts";
import { firewallCmd, startBus, startFirewalld } from "../../harness/host/firewalld.ts";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { asObject, type JsonObject, parseObject } from "../../harness/host/json.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { ensurePeer } from "../../harness/plugins/peers.ts";
import {
  type Command,
  callPlugin,
  type PluginResponse,
  pluginEnvironment,
} from "../../harness/plugins/plugin-call.ts";
import { resultAddresses, withoutPrefix } from "../../harness/plugins/result.ts";
import { fetchPage, isUnreachable, serveHttp } from "../../harness/traffic/traffic.ts";

const ours = `${pluginFolder()}/firewall`;
const peers = `${ensurePeer().binDir}/firewall`;
const skip = expectPeer && "the Go plugin has no such backend";

/** One container: what the plugin is told about it. */
type Attachment = {
  id?: string;
  ips?: string[];
  bridge?: string;
  keys?: JsonObject;
  network?: string;
  prevResult?: boolean;
  netns?: string;
};

function configOf(command: Command, attachment: Attachment): JsonObject {
  const { id = "c1", ips = ["10.0.0.2/24"], bridge = "cni0", network = "mynet" } = attachment;
  const interfaces = [{ name: bridge }, { name: `veth${id}` }, { name: "eth0", sandbox: `/run/netns/${id}` }];
  const prevResult = { cniVersion: "1.1.0", interfaces, ips: ips.map((address) => ({ address })) };
  const withResult =
    (command === "ADD" || command === "DEL" || command === "CHECK") && attachment.prevResult !== false;
  return {
    ...{ cniVersion: "1.1.0", name: network, type: "firewall", backend: "nftables", ...attachment.keys },
    ...(withResult && { prevResult }),
  };
}

function environmentOf(command: Command, { id = "c1", netns = `/run/netns/${id}` }: Attachment) {
  const isOfOne = command === "ADD" || command === "DEL" || command === "CHECK";
  return { command, ...(isOfOne && { containerId: id, netns, ifname: "eth0" }) };
}

function call(host: Host, bin: string, command: Command, attachment: Attachment = {}): PluginResponse {
  return callPlugin(host, bin, environmentOf(command, attachment), configOf(command, attachment));
}

function succeed(host: Host, command: Command, attachment: Attachment = {}, bin = ours): PluginResponse {
  const response = call(host, bin, command, attachment);
  assert.equal(response.status, 0, `${command}: ${response.stdout}${response.stderr}`);
  assert.equal(response.stderr, "", command);
  return response;
}

function refuse(host: Host, command: Command, attachment: Attachment = {}): { code: unknown; msg: string } {
  const { status, stderr, json } = call(host, ours, command, attachment);
  assert.deepEqual([status, stderr], [1, ""], command);
  const { code, msg, details } = asObject(json);
  assert.notEqual(details, "", "says what to do");
  return { code, msg: String(msg) };
}

function ruleset(host: Host): string {
  return host.run("nft", ["--stateless", "list", "ruleset"]).stdout;
}

function iptablesRules(host: Host): string[] {
  const text = ["iptables-nft-save", "iptables-legacy-save"].map((tool) => host.run(tool).stdout).join("");
  return text.split("\n").filter((line) => line.startsWith("-A"));
}

const isolated: JsonObject = { ingressPolicy: "isolated" };
const both = ["10.0.0.2/24", "2001:db8:1::2/64"];

test("is used only when it is named where iptables is; the Go plugin reads the name as detection", {
  skip,
}, async (t) => {
  const host = await hostFor(t);
  for (const backend of [undefined, "", "NFTABLES", "nft", "iptables"]) {
    const attachment = { keys: { backend: backend ?? null } };
    succeed(host, "ADD", attachment);
    assert.doesNotMatch(ruleset(host), /cni_firewall/, String(backend));
    assert.ok(iptablesRules(host).some((line) => line.includes("10.0.0.2")));
    succeed(host, "DEL", attachment);
  }
  succeed(host, "ADD", {}, peers);
  assert.doesNotMatch(ruleset(host), /cni_firewall/);
  assert.ok(iptablesRules(host).some((line) => line.includes("10.0.0.2")));
  succeed(host, "DEL");
  assert.ok(!iptablesRules(host).some((line) => line.includes("10.0.0.2")), "its rules are removed too");
});

test("works on a host without iptables, and hands the result on", { skip }, async (t) => {
  const host = await hostFor(t);
  for (const tool of ["iptables", "ip6tables"]) {
    for (const part of ["", "-save", "-restore"]) {
      host.run("ln", ["-sfn", "/nowhere", `/etc/alternatives/${tool}${part}`]);
    }
  }
  succeed(host, "STATUS");
  const { json } = succeed(host, "ADD", { ips: both, keys: isolated });
  assert.deepEqual(resultAddresses(json), both);
  assert.match(ruleset(host), /10\.0\.0\.2 comment "mynet\/c1\/eth0" : jump on-cni0/);
  assert.match(ruleset(host), /2001:db8:1::2 comment "mynet\/c1\/eth0" : jump on-cni0/);
  assert.match(ruleset(host), /"vethc1" comment "mynet\/c1\/eth0"/);
  succeed(host, "CHECK", { ips: both, keys: isolated });
  succeed(host, "DEL", { ips: both, keys: isolated });
  succeed(host, "DEL", { ips: both, keys: isolated });
  succeed(host, "GC", { keys: { "cni.dev/valid-attachments": [] } });
  assert.doesNotMatch(ruleset(host), /c1|cni0/);
  succeed(host, "ADD", { ips: [], keys: isolated });
  assert.doesNotMatch(ruleset(host), /c1|cni0/, "no address, no rule");

  // There nothing else can be meant by a configuration that names no backend.
  const unnamed = { keys: { ...isolated, backend: "" } };
  for (const command of ["STATUS", "ADD", "CHECK"] as const) succeed(host, command, unnamed);
  assert.match(ruleset(host), /10\.0\.0\.2 comment "mynet\/c1\/eth0" : jump on-cni0/);
  for (const part of ["", "-save", "-restore"]) {
    host.run("ln", ["-sfn", `/usr/sbin/iptables-nft${part}`, `/etc/alternatives/iptables${part}`]);
  }
  succeed(host, "CHECK", unnamed);
  host.run("nft", ["delete", "table", "bridge", "cni_firewall"]);
  assert.match(refuse(host, "CHECK", unnamed).msg, /table bridge cni_firewall is missing/);
  succeed(host, "DEL", unnamed);
  assert.doesNotMatch(ruleset(host), /c1|cni0/);
  for (const part of ["", "-save", "-restore"]) {
    host.run("ln", ["-sfn", "/nowhere", `/etc/alternatives/iptables${part}`]);
  }
  for (const [backend, code] of [
    ["iptables", 101],
    ["firewalld", 101],
  ] as const) {
    assert.equal(refuse(host, "ADD", { keys: { backend } }).code, code, "who names one is told");
  }
});

test("without the right to change nf_tables: a clear error, and nothing to remove", { skip }, async (t) => {
  const host = await hostFor(t);
  const unprivileged = (command: Command) => {
    const { status, stdout, stderr } = host.run("setpriv", ["--bounding-set=-net_admin", ours], {
      input: JSON.stringify(configOf(command, {})),
      env: pluginEnvironment(ours, environmentOf(command, {})),
      check: false,
    });
    assert.equal(stderr, "");
    return { status, stdout };
  };
  for (const [command, code] of [
    ["ADD", 100],
    ["CHECK", 100],
    ["STATUS", 50],
  ] as const) {
    const { status, stdout } = unprivileged(command);
    assert.equal(status, 1, command);
    const error = parseObject(stdout);
    assert.equal(error["code"], code, command);
    assert.match(
      String(error["msg"]),
      /^firewall backend "nftables" cannot be used: the kernel has no nf_tables, or/,
    );
  }
  assert.deepEqual(unprivileged("DEL"), { status: 0, stdout: "" });
});

for (const [what, attachment] of Object.entries<Attachment>({
  "previous result": { prevResult: false },
  "previous result and namespace": { prevResult: false, netns: "" },
  "a valid configuration": { keys: { ingressPolicy: "foo", iptablesAdminChainName: "FORWARD" } },
  "the backend that ADD used": { keys: { backend: "iptables" } },
  "the backend that ADD used, nor a previous result": { keys: { backend: "foo" }, prevResult: false },
})) {
  test(`DEL without ${what} removes everything`, { skip }, async (t) => {
    const host = await hostFor(t);
    succeed(host, "ADD", { ips: both, keys: isolated });
    succeed(host, "DEL", attachment);
    assert.doesNotMatch(ruleset(host), /c1|cni0/);
    succeed(host, "DEL", attachment);
  });
}

test("what ADD made with iptables goes with DEL and with ADD", { skip }, async (t) => {
  const host = await hostFor(t);
  const keys = { backend: "iptables", ingressPolicy: "isolated" };
  const own = () => iptablesRules(host).filter((line) => /10\.0\.0\.2|cni0/.test(line));
  succeed(host, "ADD", { keys });
  succeed(host, "DEL", { keys: isolated, prevResult: false });
  assert.deepEqual(own(), []);
  succeed(host, "ADD", { keys });
  succeed(host, "ADD", { keys: isolated });
  assert.deepEqual(own(), []);
  succeed(host, "CHECK", { keys: isolated });
});

test("an ADD that cannot remove what another backend made before leaves nothing of its own", {
  skip,
}, async (t) => {
  const host = await hostFor(t);
  const keys = { backend: "iptables" };
  succeed(host, "ADD", { keys });
  const restore = "/etc/alternatives/iptables-restore";
  host.run("ln", ["-sfn", "/bin/false", restore]);
  assert.equal(refuse(host, "ADD", { keys: isolated }).code, 102);
  assert.doesNotMatch(ruleset(host), /mynet\/c1/);
  host.run("ln", ["-sfn", "/usr/sbin/iptables-nft-restore", restore]);
  succeed(host, "CHECK", { keys });
  succeed(host, "ADD", { keys: isolated });
  succeed(host, "DEL", { keys: isolated });
  assert.doesNotMatch(ruleset(host), /mynet\/c1/);
  assert.ok(!iptablesRules(host).some((line) => line.includes("10.0.0.2")));
});

test("DEL after any flush; a late DEL leaves the next owner alone", { skip }, async (t) => {
  const host = await hostFor(t);
  succeed(host, "ADD", { keys: isolated });
  host.run("nft", ["flush", "ruleset"]);
  succeed(host, "DEL", { keys: isolated });
  assert.equal(ruleset(host), "");
  succeed(host, "ADD", { keys: isolated });
  succeed(host, "ADD", { id: "c2", keys: isolated });
  succeed(host, "DEL", { keys: isolated });
  assert.match(ruleset(host), /10\.0\.0\.2 comment "mynet\/c2\/eth0" : jump on-cni0/);
  succeed(host, "CHECK", { id: "c2", keys: isolated });
});

test("two networks of one container, and GC of one of them", { skip }, async (t) => {
  const host = await hostFor(t);
  const other: Attachment = { network: "other", ips: ["10.1.0.2/24"], bridge: "cni1", keys: isolated };
  succeed(host, "ADD", { keys: isolated });
  succeed(host, "ADD", { id: "c2", ips: ["10.0.0.3/24"], keys: isolated });
  succeed(host, "ADD", other);
  const valid = [{ containerID: "c2", ifname: "eth0" }];
  succeed(host, "GC", { keys: { backend: "iptables", "cni.dev/valid-attachments": valid } });
  assert.doesNotMatch(ruleset(host), /mynet\/c1/);
  succeed(host, "CHECK", { id: "c2", ips: ["10.0.0.3/24"], keys: isolated });
  succeed(host, "CHECK", other);
  succeed(host, "GC", { keys: { "cni.dev/valid-attachments": [] } });
  assert.doesNotMatch(ruleset(host), /cni0/);
  succeed(host, "CHECK", other);
});

test("CHECK says what is missing", { skip }, async (t) => {
  const host = await hostFor(t);
  assert.deepEqual(refuse(host, "CHECK"), { code: 105, msg: "table inet cni_firewall is missing" });
  succeed(host, "ADD");
  host.run("nft", ["flush map inet cni_firewall addresses4"]);
  const { code, msg } = refuse(host, "CHECK");
  assert.deepEqual([code, msg], [105, "10.0.0.2 is missing in map inet cni_firewall addresses4"]);
});

const dockerDrop = `*filter
:FORWARD DROP [0:0]
-A FORWARD -i docker0 -j ACCEPT
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
COMMIT
`;

test("another table's drop: ADD works, CHECK and STATUS say so", { skip }, async (t) => {
  const host = await hostFor(t);
  host.run("iptables-nft-restore", [], { input: dockerDrop });
  succeed(host, "ADD");
  const expected = /^chain FORWARD of table ip filter drops what containers send: its policy is drop/;
  for (const [command, code] of [
    ["CHECK", 105],
    ["STATUS", 50],
  ] as const) {
    const refused = refuse(host, command);
    assert.equal(refused.code, code);
    assert.match(refused.msg, expected);
  }
  succeed(host, "STATUS", { keys: { backend: "iptables" } });
  host.run("iptables-nft", ["-I", "FORWARD", "-i", "cni0", "-j", "ACCEPT"]);
  succeed(host, "CHECK");
  succeed(host, "STATUS");
  succeed(host, "DEL");
});

test("firewalld rejects what none of its zones lets through, and STATUS says so", { skip }, async (t) => {
  const host = await hostFor(t);
  await startBus(host);
  await startFirewalld(host);
  succeed(host, "ADD");
  const expected =
    /^chain filter_FORWARD of table inet firewalld drops what containers send: its rules drop them/;
  for (const command of ["CHECK", "STATUS"] as const) assert.match(refuse(host, command).msg, expected);
  firewallCmd(host, "--zone=trusted", "--add-source=10.0.0.0/24");
  succeed(host, "CHECK");
  succeed(host, "STATUS");
  succeed(host, "DEL");
});

test("a bridge's real ports are isolated without br_netfilter, until DEL", { skip }, async (t) => {
  const host = await hostFor(t);
  host.run("sysctl", ["-qw", "net.bridge.bridge-nf-call-iptables=0"]);
  const ipam = { type: "host-local", ranges: [[{ subnet: "10.4.0.0/24" }]] };
  const list = { cniVersion: "1.1.0", name: "net1" };
  const bridge = { ...list, type: "bridge", bridge: "cni0", isGateway: true, ipam };
  const firewall = { ...list, type: "firewall", backend: "nftables", ...isolated };
  const bin = `${pluginFolder()}/bridge`;
  const done = ({ status, stdout, json }: PluginResponse): unknown => {
    assert.equal(status, 0, stdout);
    return json;
  };
  const attach = (id: string) => {
    const target = { containerId: id, netns: host.addNetns(id), ifname: "eth0" };
    const prevResult = done(callPlugin(host, bin, { command: "ADD", ...target }, bridge));
    const config = { ...firewall, prevResult };
    done(callPlugin(host, ours, { command: "ADD", ...target }, config));
    done(callPlugin(host, ours, { command: "CHECK", ...target }, config));
    const [address = ""] = resultAddresses(prevResult).map(withoutPrefix);
    return { address, remove: () => done(callPlugin(host, ours, { command: "DEL", ...target }, firewall)) };
  };
  const [one, two] = [attach("one"), attach("two")];
  await serveHttp(host, "two", 80, "two");
  const url = `http://${two.address}:80/`;
  assert.ok(isUnreachable(host, url, { netns: "one" }));
  assert.equal(fetchPage(host, url).page, "two", "the host reaches it");
  one.remove();
  two.remove();
  assert.equal(fetchPage(host, url, { netns: "one" }).page, "two");
  assert.doesNotMatch(ruleset(host), /net1|cni0|table bridge/);
});

test("cnitool: after a flush CHECK says so, and reapply brings everything back", { skip }, async (t) => {
  const host = await hostFor(t);
  const ipam = { type: "host-local", ranges: [[{ subnet: "10.4.0.0/24" }]] };
  const firewall = { type: "firewall", backend: "nftables", ...isolated };
  const plugins = [{ type: "bridge", bridge: "cni0", isGateway: true, ipam }, firewall];
  const confDir = host.tempDir();
  host.writeFile(`${confDir}/net1.conflist`, JSON.stringify({ cniVersion: "1.0.0", name: "net1", plugins }));
  const netns = host.addNetns("c1");
  const run = (verb: "add" | "check" | "del") =>
    cnitool(host, verb, "net1", netns, { binDir: pluginFolder(), confDir });
  assert.equal(run("add").status, 0);
  const whole = ruleset(host);
  host.run("nft", ["flush", "ruleset"]);
  assert.match(run("check").stderr, /table inet cni_firewall is missing/);
  const { stdout } = host.run(ours, ["reapply"], { env: {} });
  assert.match(stdout, /^firewall: net1\/cnitool-\w+\/eth0: made again: .+\n$/);
  assert.equal(ruleset(host), whole);
  assert.deepEqual([run("check").status, run("del").status], [0, 0]);
  assert.doesNotMatch(ruleset(host), /net1|cni0|table bridge/);
});

/** More than any of them is made. */
const most = 60;

for (const systemCall of ["sendto", "write"]) {
  test(`ADD and DEL killed at each ${systemCall}, then DEL`, { skip }, async (t) => {
    const host = await hostFor(t);
    const keys = isolated;
    succeed(host, "ADD", { id: "stays", ips: ["10.0.0.9/24"], keys });
    const before = ruleset(host);
    const killedAt = (command: Command, nth: number): boolean => {
      const inject = `inject=${systemCall}:signal=SIGKILL:when=${nth}`;
      const args = ["-f", "-qq", "-o", "/dev/null", "-e", `trace=${systemCall}`, "-e", inject, ours];
      const { status } = host.run("strace", args, {
        input: JSON.stringify(configOf(command, { keys })),
        env: pluginEnvironment(ours, environmentOf(command, {})),
        check: false,
      });
      return status !== 0;
    };
    for (const command of ["ADD", "DEL"] as const) {
      let nth = 1;
      for (; nth <= most; nth++) {
        if (command === "DEL") succeed(host, "ADD", { keys });
        const killed = killedAt(command, nth);
        succeed(host, "DEL", { keys, prevResult: false });
        assert.equal(ruleset(host), before, `${command} killed at ${systemCall} ${nth}`);
        if (!killed) break;
      }
      assert.ok(nth <= most, "a call was not killed in the end");
      t.diagnostic(`${command}: ${nth - 1} places`);
    }
  });
}
