/** reapply makes rules for the living only, says what it made, and passes over nothing in silence. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, hostFor } from "../harness/host/host.ts";
import { iptablesSave } from "../harness/host/inspect.ts";
import { asObject, asString, type JsonObject } from "../harness/host/json.ts";
import { expectPeer, pluginFolder } from "../harness/plugins/binaries.ts";
import { cacheResult } from "../harness/plugins/cached-result.ts";
import { callPlugin } from "../harness/plugins/plugin-call.ts";

const ours = pluginFolder();
const skip = expectPeer ? "the Go plugins have no such command" : false;
const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }];
const plugins: JsonObject[] = [
  {
    type: "bridge",
    bridge: "br0",
    isGateway: true,
    ipMasq: true,
    ipam: { type: "host-local", subnet: "10.1.2.0/24" },
  },
  { type: "portmap", capabilities: { portMappings: true } },
  { type: "firewall" },
];
const list = { cniVersion: "1.0.0", name: "net1", plugins };
const made = ["bridge", "portmap", "firewall"];

/** ADDs of the list, as a runtime does them, and its cached result. */
function attach(host: Host, id: string): JsonObject {
  const netns = host.addNetns(id);
  let result: JsonObject | undefined;
  for (const plugin of plugins) {
    const type = asString(plugin["type"]);
    const more = { cniVersion: "1.0.0", name: "net1", ...(result && { prevResult: result }) };
    const config = { ...plugin, ...more, ...(type === "portmap" && { runtimeConfig: { portMappings } }) };
    const call = { command: "ADD", containerId: id, netns, ifname: "eth0" } as const;
    const done = callPlugin(host, `${ours}/${type}`, call, config);
    assert.equal(done.status, 0, done.stdout);
    result = asObject(done.json);
  }
  cache(host, id, { result });
  return asObject(result);
}

function cache(host: Host, id: string, changes: JsonObject): void {
  cacheResult(host, { network: "net1", containerId: id }, list, {
    capabilityArgs: { portMappings },
    ...changes,
  });
}

function reapply(host: Host, plugin: string) {
  return host.run(`${ours}/${plugin}`, ["reapply"], { env: {}, check: false, timeoutMs: 20_000 });
}

const rules = (host: Host) => iptablesSave(host, "ipv4");

function flush(host: Host): void {
  for (const table of ["nat", "filter"]) {
    host.run("iptables", ["-t", table, "-F"]);
    host.run("iptables", ["-t", table, "-X"]);
  }
}

const deaths: [what: string, words: RegExp, die: (host: Host, result: JsonObject) => void][] = [
  [
    "the path is a plain file now",
    /not alive: .*not a network namespace/,
    (host) => {
      host.delNetns("c1");
      host.writeFile("/run/netns/c1", "");
    },
  ],
  ["the path leads nowhere", /not alive: .*ENOENT/, (host) => host.delNetns("c1")],
  [
    "the path is the host's namespace",
    /not alive: \/proc\/1\/ns\/net is the host's own namespace/,
    (host, result) => cache(host, "c1", { result, netns: "/proc/1/ns/net" }),
  ],
  [
    "there is no path",
    /not alive: its namespace is not known/,
    (host, result) => cache(host, "c1", { result, netns: "" }),
  ],
  [
    "DEL is done, and the cached result was left",
    /not alive: \/run\/netns\/c1 is another container's/,
    (host) => {
      host.inNetns("c1", "ip", ["link", "del", "eth0"]);
    },
  ],
  [
    "another container has the path, with an interface of the same name",
    /not alive: \/run\/netns\/c1 is another container's/,
    (host) => {
      host.inNetns("c1", "ip", ["link", "del", "eth0"]);
      const pair = ["eth0", "type", "veth", "peer", "name", "eth9"];
      host.inNetns("c1", "ip", ["link", "add", ...pair]);
      host.inNetns("c1", "ip", ["address", "add", "10.9.9.9/24", "dev", "eth0"]);
    },
  ],
];

for (const [what, words, die] of deaths) {
  test(`no rules for the dead: ${what}`, { skip }, async (t) => {
    const host = await hostFor(t);
    const result = attach(host, "c1");
    die(host, result);
    flush(host);
    for (const plugin of made) {
      const { status, stdout, stderr } = reapply(host, plugin);
      assert.deepEqual([status, stderr], [0, ""], stdout);
      assert.match(stdout, words);
      assert.match(stdout, /no living attachment in \/var\/lib\/cni\/results\n$/);
    }
    assert.doesNotMatch(rules(host).join("\n"), /10\.1\.2\.2|8080|c1/);
  });
}

test("a living one is known by its address or its interface, and what was made is said", {
  skip,
}, async (t) => {
  const host = await hostFor(t);
  attach(host, "c1");
  const whole = rules(host);
  const said = (plugin: string) => reapply(host, plugin).stdout;
  for (const plugin of made) assert.equal(said(plugin), `${plugin}: net1/c1/eth0: in place\n`);
  assert.deepEqual(rules(host), whole);

  // As KubeVirt does: the interface renamed, its address on another link.
  host.inNetns("c1", "ip", ["link", "set", "eth0", "down"]);
  host.inNetns("c1", "ip", ["link", "set", "eth0", "name", "k6t"]);
  host.inNetns("c1", "ip", ["address", "flush", "dev", "k6t"]);
  host.inNetns("c1", "ip", ["address", "add", "10.1.2.2/24", "dev", "lo"]);
  flush(host);
  assert.equal(said("bridge"), "bridge: net1/c1/eth0: made again: masquerading of 10.1.2.2/24\n");
  assert.match(said("portmap"), /^portmap: net1\/c1\/eth0: made again: could not check ipv4 dnat: .*\n$/);
  assert.match(said("firewall"), /^firewall: net1\/c1\/eth0: made again: .*\n$/);
  for (const plugin of made) assert.equal(said(plugin), `${plugin}: net1/c1/eth0: in place\n`);
  assert.deepEqual(rules(host).toSorted(), whole.toSorted());

  host.inNetns("c1", "ip", ["address", "flush", "dev", "lo"]);
  host.inNetns("c1", "ip", ["link", "set", "k6t", "name", "eth0"]);
  assert.equal(said("bridge"), "bridge: net1/c1/eth0: in place\n", "by its interface");
});

test("a pipe and a cut file are told at once, and the others are served", { skip }, async (t) => {
  const host = await hostFor(t);
  attach(host, "c1");
  flush(host);
  host.run("mkfifo", ["/var/lib/cni/results/net1-pipe-eth0"]);
  const text = host.readFile("/var/lib/cni/results/net1-c1-eth0");
  host.writeFile("/var/lib/cni/results/net1-cut-eth0", text.slice(0, -20));
  for (const plugin of made) {
    const { status, stdout } = reapply(host, plugin);
    assert.equal(status, 1, plugin);
    const details = asString(asObject(JSON.parse(stdout))["details"]);
    for (const words of [
      "cannot read cached result /var/lib/cni/results/net1-pipe-eth0",
      "cannot read cached result /var/lib/cni/results/net1-cut-eth0",
      `${plugin}: net1/c1/eth0: made again`,
    ])
      assert.ok(details.includes(words), `${words}: ${details}`);
  }
});
