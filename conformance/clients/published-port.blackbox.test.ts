import assert from "node:assert/strict";
import { test } from "node:test";
import { cnitool } from "../harness/clients/cnitool.ts";
import { hostFor } from "../harness/host/host.ts";
import { conntrack } from "../harness/host/inspect.ts";
import { parse } from "../harness/host/json.ts";
import { snapshot } from "../harness/host/snapshot.ts";
import { pluginFolder } from "../harness/plugins/binaries.ts";
import { readConflist } from "../harness/plugins/conflist.ts";
import { assertNothingLeft } from "../harness/plugins/leaks.ts";
import { firstAddress } from "../harness/plugins/result.ts";
import {
  addOutside,
  fetchPage,
  isUnreachable,
  outsideAddresses,
  serveHttp,
} from "../harness/traffic/traffic.ts";

const list = readConflist("nerdctl-bridge.conflist");
const gateway = "10.4.0.1";
const capabilityArgs = { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] };

test("a published port is reached from the host, from containers and from outside, and is gone after del", async (t) => {
  const binDir = pluginFolder();
  const host = await hostFor(t);
  addOutside(host);
  const hostAddress = outsideAddresses.host.ipv4;
  const confDir = host.tempDir();
  host.writeFile(`${confDir}/${list.file}`, list.text);
  const server = host.addNetns("server");
  const other = host.addNetns("other");
  const before = snapshot(host);

  const added = cnitool(host, "add", list.name, server, { binDir, confDir, capabilityArgs });
  assert.equal(added.status, 0, added.stderr);
  const address = firstAddress(parse(added.stdout));
  const addedOther = cnitool(host, "add", list.name, other, { binDir, confDir });
  assert.equal(addedOther.status, 0, addedOther.stderr);
  await serveHttp(host, "server", 80, "hello");

  const page = "hello";
  const local = fetchPage(host, "http://127.0.0.1:8080/");
  assert.deepEqual(local, { page, client: gateway }, "from the host by 127.0.0.1");
  assert.equal(fetchPage(host, `http://${hostAddress}:8080/`).page, page, "from the host by its own address");
  const neighbour = fetchPage(host, `http://${hostAddress}:8080/`, { netns: "other" });
  assert.deepEqual(neighbour, { page, client: gateway }, "from another container by the host's address");
  const itself = fetchPage(host, `http://${hostAddress}:8080/`, { netns: "server" });
  assert.deepEqual(itself, { page, client: gateway }, "from the container itself by the host's address");
  const outside = fetchPage(host, `http://${hostAddress}:8080/`, { netns: "outside" });
  assert.deepEqual(outside, { page, client: outsideAddresses.outside.ipv4 }, "from outside, source kept");
  assert.ok(
    conntrack(host).some((entry) => entry.includes(address)),
    "the connections were tracked",
  );

  for (const netns of [other, server]) {
    const args = netns === server ? { capabilityArgs } : {};
    const deleted = cnitool(host, "del", list.name, netns, { binDir, confDir, ...args });
    assert.equal(deleted.status, 0, deleted.stderr);
  }
  assertNothingLeft(host, before, list.bridge, "after del");
  assert.ok(isUnreachable(host, "http://127.0.0.1:8080/"));
  assert.ok(isUnreachable(host, `http://${hostAddress}:8080/`, { netns: "outside" }));
});
