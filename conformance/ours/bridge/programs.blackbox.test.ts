/** The programs that bridge starts for ipMasq with iptables: each costs as much as all the rest, or more. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { iptablesSave } from "../../harness/host/inspect.ts";
import { type JsonObject, parseObject } from "../../harness/host/json.ts";
import { pluginFolder } from "../../harness/plugins/binaries.ts";
import { type Command, pluginEnvironment } from "../../harness/plugins/plugin-call.ts";
import { beyondPeer, choose } from "../portmap/setting.ts";

const binDir = pluginFolder();
const ranges = [[{ subnet: "10.1.2.0/24" }], [{ subnet: "2001:db8:5::/64" }]];
const config = {
  ...{ cniVersion: "1.0.0", name: "net1", type: "bridge", bridge: "bridge0", isGateway: true, ipMasq: true },
  ipam: { type: "host-local", ranges },
};

/** Makes a call, and returns its result and the programs that it started, by their names. */
function call(host: Host, command: Command, container: string, prevResult?: JsonObject) {
  const trace = `${host.tempDir()}/trace`;
  const netns = `/run/netns/${container}`;
  const bin = `${binDir}/bridge`;
  const environment = { command, containerId: container, netns, ifname: "eth0", path: binDir };
  const options = ["-f", "-qq", "-o", trace, "-e", "trace=execve", "-e", "status=successful"];
  const { stdout } = host.run("strace", [...options, bin], {
    input: JSON.stringify({ ...config, ...(prevResult && { prevResult }) }),
    env: pluginEnvironment(bin, environment),
  });
  const paths = [...host.readFile(trace).matchAll(/execve\("([^"]+)"/g)].map(([, path = ""]) => path);
  const started = paths.slice(1).map((path) => path.slice(path.lastIndexOf("/") + 1));
  return { result: stdout === "" ? {} : parseObject(stdout), started: started.toSorted() };
}

function ofContainers(host: Host): string[] {
  return [...iptablesSave(host, "ipv4", "nat"), ...iptablesSave(host, "ipv6", "nat")].filter((line) =>
    line.includes("CNI-"),
  );
}

/** Rules and chains of one container, in both families. */
const ofOne = 5 + 4;

const changes = ["ip6tables-restore", "iptables-restore"];
const all = ["ip6tables-restore", "ip6tables-save", "iptables-restore", "iptables-save"];

for (const flavour of ["nft", "legacy"] as const) {
  test(
    `${flavour}: one program for each family changes the rules; none reads them where nothing is odd`,
    beyondPeer,
    async (t) => {
      const host = await hostFor(t);
      choose(host, flavour);
      for (const name of ["c1", "c2"]) host.addNetns(name);
      const before = ofContainers(host);
      const first = call(host, "ADD", "c1");
      const other = call(host, "ADD", "c2");
      const rules = ofContainers(host);
      assert.equal(rules.length, 2 * ofOne);
      assert.deepEqual(other.started, changes);
      assert.deepEqual(call(host, "DEL", "c1", first.result).started, changes);
      assert.equal(ofContainers(host).length, ofOne);
      assert.deepEqual(call(host, "DEL", "c2").started, all, "without prevResult");
      assert.deepEqual(ofContainers(host), before);
    },
  );
}

test(
  "rules that somebody repeated or removed: they are read, and all of the container's go",
  beyondPeer,
  async (t) => {
    const host = await hostFor(t);
    choose(host, "nft");
    for (const name of ["c1", "c2"]) host.addNetns(name);
    const results = ["c1", "c2"].map((name) => call(host, "ADD", name).result);
    const entries = iptablesSave(host, "ipv4", "nat").filter((line) => line.startsWith("nat -A POSTROUTING"));
    assert.equal(entries.length, 2);
    const again = host.run("iptables", ["-t", "nat", "-S", "POSTROUTING"]).stdout.split("\n")[1] ?? "";
    host.run("iptables-restore", ["--noflush"], { input: `*nat\n${again}\n${again}\nCOMMIT\n` });
    host.run("ip6tables", ["-t", "nat", "-F", "POSTROUTING"]);
    for (const [index, name] of ["c1", "c2"].entries()) call(host, "DEL", name, results[index]);
    assert.deepEqual(ofContainers(host), []);
  },
);
