/** CHECK of bridge passes for what ADD has made, however paths and routes are written. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { asObject, asString, type JsonObject } from "../../harness/host/json.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { callPlugin, type PluginResponse } from "../../harness/plugins/plugin-call.ts";

const bin = `${pluginFolder()}/bridge`;
const skip = expectPeer ? "the Go plugin compares texts" : false;

const config: JsonObject = {
  cniVersion: "1.0.0",
  name: "net1",
  type: "bridge",
  bridge: "br0",
  isGateway: true,
  ipam: { type: "host-local", ranges: [[{ subnet: "10.1.2.0/24" }], [{ subnet: "2001:db8:5::/64" }]] },
};

function run(host: Host, command: "ADD" | "CHECK", netns: string, conf: JsonObject): PluginResponse {
  return callPlugin(host, bin, { command, containerId: "c1", netns, ifname: "eth0" }, conf);
}

function add(host: Host, netns: string, conf: JsonObject): JsonObject {
  const done = run(host, "ADD", netns, conf);
  assert.deepEqual([done.status, done.stderr], [0, ""], done.stdout);
  return asObject(done.json);
}

test("the namespace is the same by whatever path, and another one is another", { skip }, async (t) => {
  const host = await hostFor(t);
  const netns = host.addNetns("c1");
  const prevResult = add(host, netns, config);
  const conf = { ...config, prevResult };
  host.run("sh", ["-c", "mkdir -p /var/run/test && ln -s /run/netns/c1 /var/run/test/c1"]);
  for (const path of ["/var/run/test/c1", "/run/netns/../netns/c1"]) {
    const { status, stdout } = run(host, "CHECK", path, conf);
    assert.deepEqual([status, stdout], [0, ""], path);
  }
  for (const gone of ["/run/netns/gone", "", "x\0y"]) {
    const interfaces = JSON.parse(
      JSON.stringify(prevResult["interfaces"]).replace("/run/netns/c1", gone.replace("\0", "\\u0000")),
    );
    const { status, json } = run(host, "CHECK", netns, {
      ...config,
      prevResult: { ...prevResult, interfaces },
    });
    assert.deepEqual([status, asObject(json)["code"]], [1, 105], gone);
  }
  const other = host.addNetns("c2");
  const { status, json } = run(host, "CHECK", other, conf);
  assert.equal(status, 1);
  assert.match(
    asString(asObject(json)["msg"]),
    /^Sandbox in prevResult \/run\/netns\/c1 doesn't match configured netns: \/run\/netns\/c2/,
  );
});

test("a route whose destination has host bits is the one that the kernel shows without them", {
  skip,
}, async (t) => {
  const host = await hostFor(t);
  const netns = host.addNetns("c1");
  const ipam = {
    ...asObject(config["ipam"]),
    routes: [{ dst: "2001:db8:9::1/64" }, { dst: "fd00:9::5/48", table: 200 }],
  };
  const prevResult = add(host, netns, { ...config, ipam });
  const check = () => run(host, "CHECK", netns, { ...config, ipam, prevResult });
  assert.deepEqual([check().status, check().stdout], [0, ""]);
  host.inNetns("c1", "ip", ["-6", "route", "del", "2001:db8:9::/64"]);
  assert.match(check().stdout, /Expected Route 2001:db8:9::1\/64 not found/);
});
