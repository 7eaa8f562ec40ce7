/** A kernel without VLAN filtering: the Go plugin goes on without VLANs, on which isolation may rest. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hostFor } from "../../harness/host/host.ts";
import { ipJson } from "../../harness/host/inspect.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { callPlugin } from "../../harness/plugins/plugin-call.ts";

test("a VLAN on a kernel without VLAN filtering is refused, and says which option is missing", async (t) => {
  const host = await hostFor(t);
  host.addNetns("one");
  const filters = host.run("ip", ["link", "add", "probe", "type", "bridge", "vlan_filtering", "1"], {
    check: false,
  });
  if (filters.status === 0) host.run("ip", ["link", "del", "probe"]);
  const response = callPlugin(
    host,
    `${pluginFolder()}/bridge`,
    { command: "ADD", containerId: "one", netns: "/run/netns/one", ifname: "eth0" },
    {
      ...{ cniVersion: "1.0.0", name: "net1", type: "bridge", bridge: "bridge0", isDefaultGateway: true },
      ...{ vlan: 100, ipam: { type: "host-local", ranges: [[{ subnet: "10.1.2.0/24" }]] } },
    },
  );
  if (filters.status === 0) assert.equal(response.status, 0, response.stdout);
  else if (!expectPeer) {
    assert.match(response.stdout, /CONFIG_BRIDGE_VLAN_FILTERING/);
    assert.deepEqual(ipJson(host, ["link", "show", "type", "bridge"]), []);
  }
});
