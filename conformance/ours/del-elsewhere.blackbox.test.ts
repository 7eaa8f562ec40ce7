/** DEL of loopback and tuning whose CNI_NETNS is not the container's any more. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, hostFor } from "../harness/host/host.ts";
import { ipJson } from "../harness/host/inspect.ts";
import { asObject, type JsonObject } from "../harness/host/json.ts";
import { expectPeer, pluginFolder } from "../harness/plugins/binaries.ts";
import { type Command, callPlugin } from "../harness/plugins/plugin-call.ts";

const binDir = pluginFolder();
const beyondPeer = { skip: expectPeer };
const bridge: JsonObject = {
  cniVersion: "1.0.0",
  name: "net1",
  type: "bridge",
  bridge: "br0",
  ipam: { type: "host-local", subnet: "10.1.2.0/24" },
};
const tuning: JsonObject = { cniVersion: "1.0.0", name: "net1", type: "tuning", mtu: 1400 };
const loopback: JsonObject = { cniVersion: "1.0.0", name: "lo", type: "loopback" };

function call(
  host: Host,
  command: Command,
  conf: JsonObject,
  container: string,
  netns = `/run/netns/${container}`,
): JsonObject {
  const place = { command, containerId: container, netns, ifname: "eth0" };
  const response = callPlugin(host, `${binDir}/${conf["type"]}`, place, conf);
  assert.deepEqual(
    [response.status, response.stdout === "" || command === "ADD"],
    [0, true],
    response.stdout,
  );
  return response.json === undefined ? {} : asObject(response.json);
}

function mtu(host: Host, container?: string): unknown {
  return ipJson(host, ["link", "show", "dev", "eth0"], container)[0]?.["mtu"];
}

function isUp(host: Host, container?: string): boolean {
  const flags = ipJson(host, ["link", "show", "dev", "lo"], container)[0]?.["flags"];
  return Array.isArray(flags) && flags.includes("UP");
}

const backups = (host: Host): string => host.run("find", ["/run/cni/tuning", "-type", "f"]).stdout;

for (const told of [true, false]) {
  const name = `tuning: another container's interface keeps its settings, ${told ? "with" : "without"} prevResult`;
  test(name, beyondPeer, async (t) => {
    const host = await hostFor(t);
    const results = ["c1", "c2"].map((container) => {
      host.addNetns(container);
      const prevResult = call(host, "ADD", bridge, container);
      return call(host, "ADD", { ...tuning, prevResult }, container);
    });
    const conf = { ...tuning, ...(told && { prevResult: results[0] ?? {} }) };
    call(host, "DEL", conf, "c1", "/run/netns/c2");
    assert.deepEqual([mtu(host, "c1"), mtu(host, "c2")], [1400, 1400]);
    assert.doesNotMatch(backups(host), /c1_/);
    call(host, "DEL", { ...tuning, ...(told && { prevResult: results[1] ?? {} }) }, "c2");
    assert.equal(mtu(host, "c2"), 1500);
  });
}

for (const netns of ["/proc/1/ns/net", "/run/test/plain"]) {
  test(
    `tuning and loopback: DEL with ${netns} changes nothing of the host, and succeeds`,
    beyondPeer,
    async (t) => {
      const host = await hostFor(t);
      host.writeFile("/run/test/plain", "");
      host.addNetns("c1");
      host.run("ip", ["link", "add", "eth0", "mtu", "1300", "type", "bridge"]);
      call(host, "ADD", loopback, "c1");
      const prevResult = call(host, "ADD", bridge, "c1");
      call(host, "ADD", { ...tuning, prevResult }, "c1");
      for (const conf of [{ ...tuning, prevResult }, loopback]) call(host, "DEL", conf, "c1", netns);
      assert.equal(backups(host), "");
      assert.deepEqual([mtu(host), isUp(host)], [1300, true]);
    },
  );
}

test("loopback: lo of another container stays up", beyondPeer, async (t) => {
  const host = await hostFor(t);
  for (const container of ["c1", "c2"]) {
    host.addNetns(container);
    call(host, "ADD", loopback, container);
    call(host, "ADD", bridge, container);
  }
  call(host, "DEL", loopback, "c1", "/run/netns/c2");
  assert.equal(isUp(host, "c2"), true);
  call(host, "DEL", loopback, "c2");
  assert.equal(isUp(host, "c2"), false);
  host.addNetns("c3");
  call(host, "ADD", loopback, "c3");
  call(host, "DEL", loopback, "c3");
  assert.equal(isUp(host, "c3"), false);
});
