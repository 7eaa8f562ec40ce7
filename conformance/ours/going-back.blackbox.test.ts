/** Going back to the Go plugins with nftables backends: `PLUGIN sweep` removes what their DEL does not know of. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, hostFor } from "../harness/host/host.ts";
import { expectPeer, pluginFolder } from "../harness/plugins/binaries.ts";
import { cachedResultPath, cacheResult } from "../harness/plugins/cached-result.ts";
import { listResult, runList } from "../harness/plugins/chain.ts";
import { ensurePeer } from "../harness/plugins/peers.ts";

const ours = pluginFolder();
const skip = expectPeer ? "the Go plugins have no such command" : false;
const swept = ["bridge", "portmap", "firewall"] as const;
const list = {
  file: "net.conflist",
  text: "",
  name: "net1",
  cniVersion: "1.0.0",
  bridge: "br0",
  dataDir: "/var/lib/cni/networks",
  plugins: [
    {
      type: "bridge",
      bridge: "br0",
      isGateway: true,
      ipMasq: true,
      ipMasqBackend: "nftables",
      ipam: { type: "host-local", subnet: "10.1.2.0/24" },
    },
    { type: "portmap", backend: "nftables", capabilities: { portMappings: true } },
    { type: "firewall", backend: "nftables" },
  ],
};

function attachment(id: string, hostPort: number) {
  const capabilityArgs = { portMappings: [{ hostPort, containerPort: 80, protocol: "tcp" }] };
  return { containerId: id, netns: `/run/netns/${id}`, ifname: "eth0", capabilityArgs };
}

function attach(host: Host, id: string, hostPort: number, folder = ours): unknown {
  host.addNetns(id);
  const result = listResult(
    runList(host, (type) => `${folder}/${type}`, list, "ADD", attachment(id, hostPort)),
  );
  const { capabilityArgs } = attachment(id, hostPort);
  const cached = { cniVersion: "1.0.0", name: "net1", plugins: list.plugins };
  cacheResult(host, { network: "net1", containerId: id }, cached, { capabilityArgs, result });
  return result;
}

const cacheOf = (id: string) => cachedResultPath("net1", id);

/** The Go plugins' DEL, as a runtime calls it. */
function detachByGo(host: Host, id: string, hostPort: number, result: unknown): void {
  const steps = runList(
    host,
    (type) => `${ensurePeer().binDir}/${type}`,
    list,
    "DEL",
    attachment(id, hostPort),
    result,
  );
  for (const { plugin, response } of steps) assert.equal(response.status, 0, `${plugin}: ${response.stdout}`);
  host.run("rm", [cacheOf(id)]);
}

function sweep(host: Host, plugin: string) {
  const { status, stdout, stderr } = host.run(`${ours}/${plugin}`, ["sweep"], { env: {}, check: false });
  assert.equal(stderr, "");
  return { status, stdout };
}

/** What our own tables say of an attachment. */
const traces = (host: Host, id: string) =>
  host
    .run("nft", ["list", "ruleset"])
    .stdout.split("\n")
    .filter((line) => line.includes(`"net1/${id}/eth0"`)).length;

test("after the Go plugins' DEL, sweep removes what is left, and nothing of the living", {
  skip,
}, async (t) => {
  const host = await hostFor(t);
  const dead = attach(host, "dead", 8080);
  attach(host, "alive", 8081);
  // Without a cached result, as shells attach: its link tells that it lives.
  attach(host, "shell", 8082);
  host.run("rm", [cacheOf("shell")]);
  const before = { alive: traces(host, "alive"), shell: traces(host, "shell") };
  assert.ok(before.alive > 0 && before.shell > 0);
  for (const plugin of swept)
    assert.deepEqual(sweep(host, plugin), {
      status: 0,
      stdout: `${plugin}: nothing is left of attachments that are gone\n`,
    });
  assert.ok(traces(host, "dead") > 0);

  detachByGo(host, "dead", 8080, dead);
  assert.ok(traces(host, "dead") > 0, "they do not know of our tables");
  // Its address and port are another's by now.
  const next = attach(host, "next", 8080, ensurePeer().binDir);
  for (const plugin of swept) {
    assert.deepEqual(sweep(host, plugin), { status: 0, stdout: `${plugin}: net1/dead/eth0: removed\n` });
    assert.deepEqual(sweep(host, plugin), {
      status: 0,
      stdout: `${plugin}: nothing is left of attachments that are gone\n`,
    });
  }
  assert.equal(traces(host, "dead"), 0);
  assert.deepEqual({ alive: traces(host, "alive"), shell: traces(host, "shell") }, before);
  for (const command of ["CHECK", "DEL"] as const) {
    const steps = runList(
      host,
      (type) => `${ensurePeer().binDir}/${type}`,
      list,
      command,
      attachment("next", 8080),
      next,
    );
    for (const { plugin, response } of steps)
      assert.equal(response.status, 0, `${plugin}: ${response.stdout}`);
  }
});

test("one whose namespace is gone is swept without DEL; a cached result that cannot be read stops it", {
  skip,
}, async (t) => {
  const host = await hostFor(t);
  attach(host, "dead", 8080);
  host.writeFile("/var/lib/cni/results/net1-cut-eth0", "{");
  host.delNetns("dead");
  host.run("sh", ["-c", 'until [ -z "$(ip -br link show type veth)" ]; do sleep 0.05; done']);
  for (const plugin of swept) {
    const { status, stdout } = sweep(host, plugin);
    assert.deepEqual([status, /cannot read cached result/.test(stdout)], [1, true], stdout);
  }
  assert.ok(traces(host, "dead") > 0);
  host.run("rm", ["/var/lib/cni/results/net1-cut-eth0"]);
  for (const plugin of swept)
    assert.equal(sweep(host, plugin).stdout, `${plugin}: net1/dead/eth0: removed\n`);
  assert.equal(traces(host, "dead"), 0);
});
