/** Rules that were flushed come back: `bridge reapply` and its like, from the runtime's cached results. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cnitool } from "../harness/clients/cnitool.ts";
import { type Host, hostFor } from "../harness/host/host.ts";
import { snapshot } from "../harness/host/snapshot.ts";
import { expectPeer, pluginFolder } from "../harness/plugins/binaries.ts";
import { readConflist } from "../harness/plugins/conflist.ts";
import { assertNothingLeft } from "../harness/plugins/leaks.ts";
import {
  addOutside,
  fetchPage,
  isUnreachable,
  outsideAddresses,
  serveHttp,
} from "../harness/traffic/traffic.ts";

const capabilityArgs = {
  portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }],
  ipRanges: [[{ subnet: "10.4.0.0/24" }]],
};
const binDir = pluginFolder();

/** Every rule, of every table, as a firewall's reload or a person removes them. */
function flush(host: Host): void {
  host.run("nft", ["flush", "ruleset"]);
  for (const tool of ["iptables", "ip6tables"]) {
    for (const table of ["nat", "filter"]) {
      host.run(tool, ["-t", table, "-F"]);
      host.run(tool, ["-t", table, "-X"]);
    }
  }
}

/** All rules, without counters. */
function rulesOf(host: Host): string {
  return ["iptables-save", "ip6tables-save"]
    .map((tool) => host.run(tool).stdout)
    .concat(host.run("nft", ["list", "ruleset"]).stdout)
    .join("")
    .replace(/^#.*\n/gm, "")
    .replace(/\[\d+:\d+\]|counter packets \d+ bytes \d+/g, "");
}

function reapply(host: Host, plugin: string): string {
  const done = host.run(`${binDir}/${plugin}`, ["reapply"], { env: {} });
  assert.equal(done.stderr, "");
  return done.stdout;
}

const cases: [file: string, plugins: string[]][] = [
  ["nerdctl-bridge.conflist", ["bridge", "portmap", "firewall"]],
  ["kubernetes-nftables.conflist", ["bridge", "portmap"]],
];

for (const [file, plugins] of cases) {
  test(`${file}: after a flush CHECK says what is missing, and reapply brings it back`, async (t) => {
    if (expectPeer) return;
    const list = readConflist(file);
    const host = await hostFor(t);
    addOutside(host);
    await serveHttp(host, "outside", 80, "outside");
    const confDir = host.tempDir();
    host.writeFile(`${confDir}/${list.file}`, list.text);
    const netns = host.addNetns("server");
    const dead = host.addNetns("dead");
    const before = snapshot(host);
    const options = { binDir, confDir, capabilityArgs };
    const run = (verb: "add" | "check" | "del", path: string) =>
      cnitool(host, verb, list.name, path, options);
    assert.equal(run("add", dead).status, 0);
    assert.equal(run("del", dead).status, 0);
    assert.equal(run("add", netns).status, 0);
    await serveHttp(host, "server", 80, "hello");
    const url = `http://${outsideAddresses.host.ipv4}:8080/`;
    const away = `http://${outsideAddresses.outside.ipv4}/`;
    assert.equal(fetchPage(host, url, { netns: "outside" }).page, "hello");

    flush(host);
    const checked = run("check", netns);
    assert.notEqual(checked.status, 0);
    assert.match(checked.stderr, /nothing masquerades 10\.4\.0\.\d+|table .* (not found|missing)/);
    assert.ok(isUnreachable(host, url, { netns: "outside" }));

    const said = (plugin: string, words: string) =>
      new RegExp(`^${plugin}: ${list.name}/cnitool-\\w+/eth0: ${words}\n$`);
    for (const plugin of plugins) assert.match(reapply(host, plugin), said(plugin, "made again: .+"));
    assert.deepEqual([run("check", netns).status, run("check", netns).stderr], [0, ""]);
    assert.equal(fetchPage(host, url, { netns: "outside" }).page, "hello");
    assert.equal(fetchPage(host, away, { netns: "server" }).client, outsideAddresses.host.ipv4);

    const rules = rulesOf(host);
    for (const plugin of plugins) assert.match(reapply(host, plugin), said(plugin, "in place"));
    assert.equal(rulesOf(host), rules, "a second time changes nothing");
    assert.equal(run("del", netns).status, 0);
    assertNothingLeft(host, before, list.bridge, "after del");
    assert.equal(reapply(host, "portmap"), "portmap: no living attachment in /var/lib/cni/results\n");
  });
}
