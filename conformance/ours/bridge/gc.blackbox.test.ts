/** GC of bridge hands on to IPAM plugins of any age, and to none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { leases } from "../../harness/host/inspect.ts";
import type { JsonObject } from "../../harness/host/json.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { ensurePeer, peerReleases } from "../../harness/plugins/peers.ts";
import { callPlugin, type PluginCall, type PluginResponse } from "../../harness/plugins/plugin-call.ts";

const ours = pluginFolder();
const skip = expectPeer ? "the Go bridge hands no GC on" : false;

const config = (ipamType: string): JsonObject => ({
  cniVersion: "1.1.0",
  name: "net1",
  type: "bridge",
  bridge: "br0",
  ipam: { type: ipamType, subnet: "10.1.2.0/24" },
});

function call(host: Host, path: string, what: PluginCall, conf: JsonObject): PluginResponse {
  return callPlugin(host, `${ours}/bridge`, { ...what, path }, conf);
}

function succeed(done: PluginResponse): void {
  assert.deepEqual([done.status, done.stderr], [0, ""], done.stdout);
}

/** Two attached containers, of which `c1` is listed and lives. */
async function twoContainers(host: Host, path: string): Promise<void> {
  for (const id of ["c1", "c2"]) {
    const netns = host.addNetns(id);
    succeed(
      call(host, path, { command: "ADD", containerId: id, netns, ifname: "eth0" }, config("host-local")),
    );
  }
}

const living = [{ containerID: "c1", ifname: "eth0" }];
const holders = (host: Host) => leases(host, "net1").map(({ containerId }) => containerId);

const lists: [string, JsonObject][] = [
  ["cni.dev/attachments", { "cni.dev/attachments": living }],
  ["cni.dev/valid-attachments", { "cni.dev/valid-attachments": living }],
  ["both", { "cni.dev/valid-attachments": living, "cni.dev/attachments": living }],
  ["a null beside it", { "cni.dev/valid-attachments": null, "cni.dev/attachments": living }],
];

for (const [maker, folder] of [
  ["ours", () => ours],
  ["Go's of the newest release", () => ensurePeer().binDir],
] as const) {
  test(`${maker} host-local below: the living keep their leases, whichever key the list came by`, {
    skip,
  }, async (t) => {
    for (const [key, list] of lists) {
      const host = await hostFor(t);
      await twoContainers(host, folder());
      succeed(call(host, folder(), { command: "GC" }, { ...config("host-local"), ...list }));
      assert.deepEqual(holders(host), ["c1"], key);
      // Without a list, as cnitool calls it, nobody knows who lives.
      succeed(call(host, folder(), { command: "GC" }, config("host-local")));
      assert.deepEqual(holders(host), ["c1"], `${key}, then no list`);
      succeed(
        call(host, folder(), { command: "GC" }, { ...config("host-local"), "cni.dev/attachments": null }),
      );
      assert.deepEqual(holders(host), [], `${key}, then null, as libcni writes an empty list`);
    }
  });
}

test("an IPAM plugin without GC, and one that is gone, do not fail GC; another failure does", {
  skip,
}, async (t) => {
  const host = await hostFor(t);
  const path = host.tempDir();
  const gc = () => call(host, path, { command: "GC" }, { ...config("old"), "cni.dev/valid-attachments": [] });
  succeed(gc());

  const answer = (code: number, msg: string) => {
    host.writeFile(`${path}/old`, `#!/bin/sh\necho '{"code": ${code}, "msg": "${msg}"}'\nexit 1\n`);
    host.run("chmod", ["755", `${path}/old`]);
  };
  answer(4, "unknown CNI_COMMAND: GC");
  succeed(gc());
  answer(5, "disk full");
  assert.deepEqual(
    [gc().status, gc().json],
    [1, { code: 5, msg: "disk full", details: 'reported by IPAM plugin "old"' }],
  );
  host.run("chmod", ["644", `${path}/old`]);
  assert.equal(gc().status, 1, "one that cannot be started is no missing one");
});

for (const release of peerReleases) {
  test(`GC of Go's host-local v${release} in a directory of ours leaves what is listed`, {
    skip,
  }, async (t) => {
    const host = await hostFor(t);
    await twoContainers(host, ours);
    const before = host.run("ls", ["/var/lib/cni/networks/net1"]).stdout;
    assert.equal(before, "10.1.2.2\n10.1.2.3\nlast_reserved_ip.0\nlock\n", "it removes every other file");
    assert.equal(
      host.readFile("/var/lib/cni/networks/net1/10.1.2.2"),
      "c1\r\neth0",
      "and leases with more in them",
    );
    const conf = { ...config("host-local"), type: "host-local", "cni.dev/valid-attachments": living };
    succeed(callPlugin(host, `${ensurePeer(release).binDir}/host-local`, { command: "GC" }, conf));
    assert.deepEqual(holders(host), release === "1.9.1" ? ["c1", "c2"] : ["c1"]);
    const check = { command: "CHECK", containerId: "c1", netns: "/run/netns/c1", ifname: "eth0" } as const;
    const prevResult = { cniVersion: "1.1.0", ips: [{ address: "10.1.2.2/24" }] };
    succeed(callPlugin(host, `${ours}/host-local`, check, { ...conf, prevResult }));
    // Its index says c2 has an address: it is told by the directory that it has not.
    const add = { command: "ADD", containerId: "c3", netns: host.addNetns("c3"), ifname: "eth0" } as const;
    succeed(call(host, ours, add, config("host-local")));
    assert.deepEqual(
      new Set(holders(host)),
      new Set(release === "1.9.1" ? ["c1", "c2", "c3"] : ["c1", "c3"]),
    );
  });
}
