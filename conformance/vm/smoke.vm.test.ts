/** Debian's kernel has what many trimmed kernels lack, and our plugins work there. */
import assert from "node:assert/strict";
import { release } from "node:os";
import { test } from "node:test";
import { hostFor } from "../harness/host/host.ts";
import { snapshot } from "../harness/host/snapshot.ts";
import { pluginFolder } from "../harness/plugins/binaries.ts";
import { assertNothingLeft } from "../harness/plugins/leaks.ts";
import { callPlugin } from "../harness/plugins/plugin-call.ts";
import { firstAddress } from "../harness/plugins/result.ts";

test("this is Debian's kernel", () => {
  assert.equal(process.env["CNI_TEST_VM"], "1");
  assert.match(release(), /-amd64$/);
});

test("a bridge filters VLANs", async (t) => {
  const host = await hostFor(t);
  host.run("ip", ["link", "add", "br0", "type", "bridge", "vlan_filtering", "1"]);
  host.run("ip", ["link", "add", "port0", "master", "br0", "type", "dummy"]);
  host.run("bridge", ["vlan", "add", "dev", "port0", "vid", "100", "pvid", "untagged"]);
  host.run("ip", ["link", "add", "link", "br0", "name", "br0.100", "type", "vlan", "id", "100"]);
  assert.match(host.run("bridge", ["vlan", "show", "dev", "port0"]).stdout, /100 PVID Egress Untagged/);
});

test("nftables of the bridge family knows a packet's port", async (t) => {
  const host = await hostFor(t);
  host.run("nft", ["add table bridge t; add chain bridge t c; add rule bridge t c meta ibrname br0 drop"]);
  assert.match(host.run("nft", ["list", "table", "bridge", "t"]).stdout, /meta ibrname "br0" drop/);
});

test("our bridge with host-local attaches a container, which is reached, and detaches it", async (t) => {
  const host = await hostFor(t);
  const netns = host.addNetns("c1");
  const before = snapshot(host);
  const config = {
    ...{ cniVersion: "1.1.0", name: "net", type: "bridge", bridge: "cni0", isGateway: true, ipMasq: true },
    ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd00:1::/64" }]] },
  };
  const bin = `${pluginFolder()}/bridge`;
  const call = { containerId: "c1", netns, ifname: "eth0" };
  const added = callPlugin(host, bin, { ...call, command: "ADD" }, config);
  assert.deepEqual([added.status, added.stderr], [0, ""], added.stdout);
  host.run("ping", ["-c1", "-W10", firstAddress(added.json)]);
  const deleted = callPlugin(host, bin, { ...call, command: "DEL" }, config);
  assert.deepEqual([deleted.status, deleted.stdout, deleted.stderr], [0, "", ""]);
  assertNothingLeft(host, before, "cni0", "after DEL");
});
