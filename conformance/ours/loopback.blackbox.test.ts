/** loopback by itself, and beside the Go plugin. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Host } from "../harness/host/host.ts";
import { ipJson } from "../harness/host/inspect.ts";
import { asObject, type JsonObject, objectList } from "../harness/host/json.ts";
import { expectPeer, pluginFolder } from "../harness/plugins/binaries.ts";
import { ensurePeer } from "../harness/plugins/peers.ts";
import { type Command, callPlugin, type PluginResponse } from "../harness/plugins/plugin-call.ts";

const ours = `${pluginFolder()}/loopback`;
const peers = `${ensurePeer().binDir}/loopback`;

let host: Host;
before(async () => {
  host = await Host.create();
});
after(() => host.dispose());

let namespaces = 0;
function addNetns(): string {
  namespaces += 1;
  return host.addNetns(`c${namespaces}`);
}

function call(bin: string, command: Command, netns: string, config: JsonObject): PluginResponse {
  // What containerd passes.
  const args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=x";
  const variables = { command, containerId: "c1", netns, ifname: "lo", args };
  return callPlugin(host, bin, variables, { name: "cni-loopback", type: "loopback", ...config });
}

function succeed(bin: string, command: Command, netns: string, config: JsonObject): string {
  const { status, stdout, stderr } = call(bin, command, netns, config);
  assert.deepEqual({ status, stderr }, { status: 0, stderr: "" }, stdout);
  return stdout;
}

function isUp(netns: string): boolean {
  const [link] = ipJson(host, ["link", "show", "dev", "lo"], netns.slice("/run/netns/".length));
  const { flags } = asObject(link);
  return Array.isArray(flags) && flags.includes("UP");
}

const lo = (netns: string) => [{ name: "lo", mac: "00:00:00:00:00:00", sandbox: netns }];
const oldest = { ip4: { ip: "127.0.0.1/8" }, ip6: { ip: "::1/128" }, dns: {} };
const withVersion = (netns: string) => ({
  interfaces: lo(netns),
  ips: [
    { version: "4", interface: 0, address: "127.0.0.1/8" },
    { version: "6", interface: 0, address: "::1/128" },
  ],
  dns: {},
});
const newest = (netns: string) => ({
  interfaces: lo(netns),
  ips: [
    { address: "127.0.0.1/8", interface: 0 },
    { address: "::1/128", interface: 0 },
  ],
});
const forms: Record<string, (netns: string) => object> = {
  "0.1.0": () => oldest,
  "0.2.0": () => oldest,
  "0.3.0": withVersion,
  "0.3.1": withVersion,
  "0.4.0": withVersion,
  "1.0.0": newest,
  "1.1.0": newest,
};

for (const [cniVersion, form] of Object.entries(forms)) {
  test(`${cniVersion}: ADD sets lo up and prints that version's form, DEL sets it down`, () => {
    const netns = addNetns();
    const printed = JSON.parse(succeed(ours, "ADD", netns, { cniVersion }));
    // The Go plugin prints the newest form for every version.
    const wanted = expectPeer ? newest(netns) : form(netns);
    assert.deepEqual(printed, { cniVersion, ...wanted });
    assert.equal(isUp(netns), true);
    host.inNetns(netns.slice("/run/netns/".length), "ping", ["-c1", "-W30", "127.0.0.1"]);
    assert.equal(succeed(ours, "DEL", netns, { cniVersion }), "");
    assert.equal(isUp(netns), false);
  });
}

test("without a version the result is that of 0.1.0, byte for byte the Go plugin's", () => {
  const netns = addNetns();
  assert.equal(succeed(ours, "ADD", netns, {}), succeed(peers, "ADD", netns, {}));
});

for (const cniVersion of ["1.0.0", "1.1.0"]) {
  test(`${cniVersion}: the result is byte for byte the Go plugin's`, () => {
    const netns = addNetns();
    const config = { cniVersion };
    assert.equal(succeed(ours, "ADD", netns, config), succeed(peers, "ADD", netns, config));
    const prevResult = {
      interfaces: [{ name: "eth0" }],
      ips: [{ address: "10.0.0.5/24" }],
      dns: { domain: "x" },
    };
    const later = { cniVersion, prevResult };
    assert.equal(succeed(ours, "ADD", netns, later), succeed(peers, "ADD", netns, later));
  });
}

for (const [first, second, name] of [
  [ours, peers, "added by ours, ended by the Go plugin"],
  [peers, ours, "added by the Go plugin, ended by ours"],
] as const) {
  test(name, () => {
    const netns = addNetns();
    const prevResult = asObject(JSON.parse(succeed(first, "ADD", netns, { cniVersion: "1.0.0" })));
    const config = { cniVersion: "1.0.0", prevResult };
    assert.equal(succeed(second, "CHECK", netns, config), "");
    for (let time = 1; time <= 2; time++) {
      assert.equal(succeed(second, "DEL", netns, config), "");
      assert.equal(isUp(netns), false);
    }
  });
}

test("CHECK notices that lo is down", () => {
  const netns = addNetns();
  const { status, json } = call(ours, "CHECK", netns, { cniVersion: "1.0.0" });
  assert.equal(status, 1);
  assert.equal(asObject(json)["msg"], "loopback interface is down");
});

test("DEL works without a namespace, ADD names the one it misses", () => {
  const config = { cniVersion: "1.0.0" };
  for (const netns of ["", "/run/netns/gone"]) assert.equal(succeed(ours, "DEL", netns, config), "");
  const { status, json } = call(ours, "ADD", "/run/netns/gone", config);
  assert.equal(status, 1);
  assert.match(String(asObject(json)["msg"]), /"\/run\/netns\/gone"/);
});

test("a service address on lo is no obstacle", { skip: expectPeer }, () => {
  const netns = addNetns();
  host.inNetns(netns.slice("/run/netns/".length), "ip", ["address", "add", "192.0.2.1/32", "dev", "lo"]);
  const { ips } = asObject(JSON.parse(succeed(ours, "ADD", netns, { cniVersion: "1.0.0" })));
  assert.deepEqual(
    objectList(ips).map(({ address }) => address),
    ["127.0.0.1/8", "::1/128"],
  );
});
