import assert from "node:assert/strict";
import { test } from "node:test";
import { pluginConfig } from "./chain.ts";

const list = { name: "net", cniVersion: "1.0.0" };
const portmap = { type: "portmap", capabilities: { portMappings: true, mac: false } };

test("the list's name and version replace the plugin's own", () => {
  assert.deepEqual(pluginConfig(list, { type: "tuning", name: "other", keep: 1 }), {
    type: "tuning",
    name: "net",
    cniVersion: "1.0.0",
    keep: 1,
  });
});

test("runtimeConfig holds what is both enabled and supplied, and is absent when that is nothing", () => {
  const supplied = { portMappings: [{ hostPort: 1 }], mac: "02:00:00:00:00:01", ips: ["10.0.0.1"] };
  assert.deepEqual(pluginConfig(list, portmap, supplied)["runtimeConfig"], {
    portMappings: [{ hostPort: 1 }],
  });
  assert.ok(!("runtimeConfig" in pluginConfig(list, portmap, { mac: "02:00:00:00:00:01" })));
  assert.ok(!("runtimeConfig" in pluginConfig(list, { type: "tuning" }, supplied)));
});

test("prevResult is passed on as it is, and is absent for the first plugin", () => {
  const prevResult = { cniVersion: "1.0.0", ips: [] };
  assert.deepEqual(pluginConfig(list, portmap, {}, prevResult)["prevResult"], prevResult);
  assert.ok(!("prevResult" in pluginConfig(list, portmap)));
});
