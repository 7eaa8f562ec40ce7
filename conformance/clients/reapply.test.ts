/** Rules that were flushed come back: `bridge reapply` and its like, from the runtime's cached results. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { expectPeer, pluginFolder } from "../harness/binaries.ts";
import { cnitool } from "../harness/cnitool.ts";
import { readConflist } from "../harness/conflist.ts";
import { type Host, hostFor } from "../harness/host.ts";
import { assertNothingLeft } from "../harness/leaks.ts";
import { snapshot } from "../harness/snapshot.ts";
import { addOutside, fetchPage, isUnreachable, outsideAddresses, serveHttp } from "../harness/traffic.ts";

const list = readConflist("nerdctl-bridge.conflist");
const capabilityArgs = { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] };
const binDir = pluginFolder();

/** Every rule that iptables has, of every table, as a firewall's reload removes them. */
function flush(host: Host): void {
  for (const tool of ["iptables", "ip6tables"]) {
    for (const table of ["nat", "filter"]) {
      host.run(tool, ["-t", table, "-F"]);
      host.run(tool, ["-t", table, "-X"]);
    }
  }
}

function reapply(host: Host, plugin: string): string {
  const done = host.run(`${binDir}/${plugin}`, ["reapply"], { env: {} });
  assert.equal(done.stderr, "");
  return done.stdout;
}

test("after a flush CHECK says what is missing, and reapply brings it back", async (t) => {
  if (expectPeer) return;
  const host = await hostFor(t);
  addOutside(host);
  await serveHttp(host, "outside", 80, "outside");
  const confDir = host.tempDir();
  host.writeFile(`${confDir}/${list.file}`, list.text);
  const netns = host.addNetns("server");
  const dead = host.addNetns("dead");
  const before = snapshot(host);
  const options = { binDir, confDir, capabilityArgs };
  const run = (verb: "add" | "check" | "del", path: string) => cnitool(host, verb, list.name, path, options);
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
  assert.match(checked.stderr, /ipMasq: nothing masquerades 10\.4\.0\.\d+\/24/);
  assert.ok(isUnreachable(host, url, { netns: "outside" }));

  for (const plugin of ["bridge", "portmap", "firewall"]) {
    assert.match(
      reapply(host, plugin),
      new RegExp(`^${plugin}: ${list.name}/cnitool-\\w+/eth0: in place\n$`),
    );
  }
  assert.deepEqual([run("check", netns).status, run("check", netns).stderr], [0, ""]);
  assert.equal(fetchPage(host, url, { netns: "outside" }).page, "hello");
  assert.equal(fetchPage(host, away, { netns: "server" }).client, outsideAddresses.host.ipv4);

  const rules = host
    .run("iptables-save")
    .stdout.replace(/^#.*\n/gm, "")
    .replace(/\[\d+:\d+\]/g, "");
  for (const plugin of ["bridge", "portmap", "firewall"]) reapply(host, plugin);
  assert.equal(
    host
      .run("iptables-save")
      .stdout.replace(/^#.*\n/gm, "")
      .replace(/\[\d+:\d+\]/g, ""),
    rules,
    "a second time changes nothing",
  );
  assert.equal(run("del", netns).status, 0);
  assertNothingLeft(host, before, list.bridge, "after del");
  assert.equal(reapply(host, "portmap"), "portmap: no living attachment in /var/lib/cni/results\n");
});
