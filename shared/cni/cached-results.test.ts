import assert from "node:assert/strict";
import { test } from "node:test";
import { attachmentsOf } from "./cached-results.ts";

const list = {
  cniVersion: "1.0.0",
  name: "net1",
  plugins: [
    { type: "bridge", bridge: "cni0" },
    { type: "portmap", capabilities: { portMappings: true, other: false } },
  ],
};
const entry = {
  kind: "cniCacheV1",
  containerId: "c1",
  config: Buffer.from(JSON.stringify(list)).toString("base64"),
  ifName: "eth0",
  networkName: "net1",
  netns: "/run/netns/c1",
  cniArgs: [
    ["IgnoreUnknown", "1"],
    ["K8S_POD_NAME", "pod"],
  ],
  capabilityArgs: { portMappings: [{ hostPort: 80 }], other: 1, bandwidth: {} },
  result: { cniVersion: "1.0.0", ips: [{ address: "10.1.2.3/24" }] },
};
const read = (changes: object, plugin = "portmap", exists = () => true) =>
  attachmentsOf(JSON.stringify({ ...entry, ...changes }), plugin, exists);

test("an attachment becomes the request that the plugin got, with the list's result", () => {
  const [found, ...others] = read({});
  assert.deepEqual(others, []);
  assert.equal(found?.name, "net1/c1/eth0");
  const request = found?.request;
  assert.deepEqual(
    [
      request?.containerId,
      request?.netns,
      request?.ifname,
      request?.network,
      request?.cniVersion,
      request?.args,
    ],
    ["c1", "/run/netns/c1", "eth0", "net1", "1.0.0", "IgnoreUnknown=1;K8S_POD_NAME=pod"],
  );
  assert.deepEqual(JSON.parse(JSON.stringify(request?.document)), {
    type: "portmap",
    capabilities: { portMappings: true, other: false },
    name: "net1",
    cniVersion: "1.0.0",
    runtimeConfig: { portMappings: [{ hostPort: 80 }] },
    prevResult: entry.result,
  });
});

test("lists without the plugin, containers that are gone and foreign files give nothing", () => {
  assert.deepEqual(read({}, "firewall"), []);
  assert.deepEqual(
    read({}, "portmap", () => false),
    [],
  );
  assert.deepEqual(read({ netns: undefined }), []);
  assert.deepEqual(read({ kind: "other" }), []);
  assert.deepEqual(read({ result: undefined }), []);
  assert.deepEqual(read({ containerId: "../x" }), []);
  assert.deepEqual(read({ result: { cniVersion: "9.0.0" } }), []);
  assert.throws(() => attachmentsOf("{", "portmap"));
  assert.throws(() => read({ config: Buffer.from("{").toString("base64") }));
});
