/** Leases on a disk outlive the boot in which they were made, as /var/lib/cni does; everything else is gone. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import type { TestContext } from "node:test";
import { type Host, hostFor } from "../harness/host/host.ts";
import { leases } from "../harness/host/inspect.ts";
import { pluginFolder } from "../harness/plugins/binaries.ts";
import { type Command, callPlugin } from "../harness/plugins/plugin-call.ts";
import { firstAddress } from "../harness/plugins/result.ts";
import { afterReboot, beforeReboot, survivingFolder } from "./boots.ts";

const config = {
  ...{ cniVersion: "1.1.0", name: "net", type: "bridge" },
  ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }]] },
};

/** A host whose /var/lib/cni is on the disk that survives. */
async function rebootedHost(t: TestContext): Promise<Host> {
  const host = await hostFor(t);
  host.bind(survivingFolder, "/var/lib/cni");
  return host;
}

function hostLocal(host: Host, command: Command, containerId: string) {
  const call = { command, containerId, netns: "/run/netns/none", ifname: "eth0" };
  const response = callPlugin(host, `${pluginFolder()}/host-local`, call, config);
  assert.deepEqual([response.status, response.stderr], [0, ""], response.stdout);
  return response.json;
}

const addresses = (host: Host) =>
  leases(host, "net")
    .map(({ address }) => address)
    .sort();
const bootId = () => readFileSync("/proc/sys/kernel/random/boot_id", "utf8");
const bootIdBefore = `${survivingFolder}/boot_id`;

beforeReboot("host-local gives out two addresses", async (t) => {
  const host = await rebootedHost(t);
  assert.equal(firstAddress(hostLocal(host, "ADD", "old1")), "10.1.0.2");
  assert.equal(firstAddress(hostLocal(host, "ADD", "old2")), "10.1.0.3");
  writeFileSync(bootIdBefore, bootId());
});

afterReboot("host-local knows its leases of the boot before, and releases them", async (t) => {
  assert.notEqual(bootId(), readFileSync(bootIdBefore, "utf8"));
  const host = await rebootedHost(t);
  assert.deepEqual(addresses(host), ["10.1.0.2", "10.1.0.3"]);
  assert.equal(firstAddress(hostLocal(host, "ADD", "new")), "10.1.0.4");
  hostLocal(host, "DEL", "old1");
  assert.deepEqual(addresses(host), ["10.1.0.3", "10.1.0.4"]);
});
