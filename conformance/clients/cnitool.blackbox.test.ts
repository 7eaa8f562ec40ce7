import assert from "node:assert/strict";
import { test } from "node:test";
import { type CnitoolVerb, cnitool } from "../harness/clients/cnitool.ts";
import { type Host, hostFor } from "../harness/host/host.ts";
import { ipJson, leases } from "../harness/host/inspect.ts";
import { objectList, parse } from "../harness/host/json.ts";
import { snapshot } from "../harness/host/snapshot.ts";
import { waitUntil } from "../harness/host/wait.ts";
import { pluginFolder } from "../harness/plugins/binaries.ts";
import {
  atLeast,
  type Conflist,
  conflistFiles,
  parseConflist,
  readConflist,
} from "../harness/plugins/conflist.ts";
import { assertNothingLeft } from "../harness/plugins/leaks.ts";
import { resultAddresses, withoutPrefix } from "../harness/plugins/result.ts";

const binDir = pluginFolder();

/** What a Kubernetes runtime supplies: the node's pod ranges, and a port. */
const podArgs = {
  ipRanges: [[{ subnet: "10.244.1.0/24" }], [{ subnet: "fd00:10:244:1::/64" }]],
  portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }],
};

for (const file of conflistFiles()) {
  const list = readConflist(file);

  test(`${file}: cnitool adds, checks and deletes a container, and deletes it again`, async (t) => {
    const host = await hostFor(t);
    const run = cnitoolFor(host, list);
    host.addNetns("c1");
    const before = snapshot(host);

    const result = parse(run("add"));
    assertAttached(host, list, result);
    if (atLeast(list.cniVersion, "0.4.0")) assert.equal(run("check"), "");
    assert.equal(run("del"), "");
    assert.deepEqual(
      ipJson(host, ["link", "show", "type", "veth"], "c1"),
      [],
      "the container's interface is gone",
    );
    assertNothingLeft(host, before, list.bridge, "after del");
    assert.equal(run("del"), "");
    assertNothingLeft(host, before, list.bridge, "after the second del");
  });

  test(`${file}: cnitool deletes a container whose namespace is gone`, async (t) => {
    const host = await hostFor(t);
    const run = cnitoolFor(host, list);
    host.addNetns("c1");
    const before = snapshot(host);

    run("add");
    host.delNetns("c1");
    const veths = () => ipJson(host, ["link", "show", "type", "veth"]).length;
    await waitUntil("the kernel removes the namespace's veth", () => veths() === 0);
    assert.equal(run("del"), "");
    assertNothingLeft(host, before, list.bridge, "after del");
    assert.equal(run("del"), "");
    assertNothingLeft(host, before, list.bridge, "after the second del");
  });
}

test("cnitool status and gc: readiness, and everything of a network removed at once", async (t) => {
  const host = await hostFor(t);
  const text = readConflist("containerd-cri-dual-stack.conflist").text.replace('"1.0.0"', '"1.1.0"');
  const list = parseConflist("10-list.conflist", text);
  const confDir = host.tempDir();
  host.writeFile(`${confDir}/${list.file}`, text);
  const containers = ["c1", "c2"].map((name) => host.addNetns(name));
  const before = snapshot(host);
  const run = (verb: CnitoolVerb, netns: string, folder = binDir) => {
    const portMappings = [{ hostPort: Number(netns.slice(-1)) + 8080, containerPort: 80, protocol: "tcp" }];
    const call = { binDir: folder, confDir, capabilityArgs: { portMappings } };
    return cnitool(host, verb, list.name, netns, call);
  };

  assert.equal(run("status", "/run/netns/c1").status, 0);
  const withoutIpam = host.tempDir();
  for (const name of ["bridge", "portmap"]) host.run("ln", ["-s", `${binDir}/${name}`, withoutIpam]);
  assert.match(run("status", "/run/netns/c1", withoutIpam).stderr, /host-local/);

  for (const netns of containers) assert.equal(run("add", netns).status, 0);
  assert.equal(leases(host, list.name).length, 4);
  // cnitool names no attachment that is still valid.
  const collected = run("gc", "/run/netns/c1");
  assert.deepEqual([collected.status, collected.stderr], [0, ""]);
  assertNothingLeft(host, before, list.bridge, "after gc");
});

/** Runs cnitool for the container `c1`, with the configuration alone in its folder; returns standard output. */
function cnitoolFor(host: Host, list: Conflist): (verb: CnitoolVerb) => string {
  const confDir = host.tempDir();
  host.writeFile(`${confDir}/${list.file}`, list.text);
  return (verb) => {
    const needsRanges = JSON.stringify(list.plugins).includes("ipRanges");
    const capabilityArgs = needsRanges ? podArgs : {};
    const done = cnitool(host, verb, list.name, "/run/netns/c1", { binDir, confDir, capabilityArgs });
    assert.equal(done.stderr, "", `cnitool ${verb}`);
    assert.equal(done.status, 0, `cnitool ${verb}`);
    return done.stdout;
  };
}

/** Asserts that the container `c1` has the addresses of an ADD result, a default route, and a lease for each. */
function assertAttached(host: Host, list: Conflist, result: unknown): void {
  const promised = resultAddresses(result);
  const [eth0 = {}] = ipJson(host, ["address", "show", "dev", "eth0"], "c1");
  assert.equal(eth0["operstate"], "UP");
  const addresses = objectList(eth0["addr_info"])
    .filter((address) => address["scope"] === "global")
    .map((address) => `${address["local"]}/${address["prefixlen"]}`);
  assert.deepEqual(addresses.sort(), promised.toSorted());
  const leased = leases(host, list.name, list.dataDir);
  assert.deepEqual(leased.map((lease) => lease.address).sort(), promised.map(withoutPrefix).sort());
  for (const address of promised) {
    const family = address.includes(":") ? "-6" : "-4";
    const routes = ipJson(host, [family, "route", "show", "default"], "c1");
    assert.equal(routes[0]?.["dev"], "eth0", `default route for ${address}`);
  }
}
