import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { attachmentsOf, cachedAttachments } from "./cached-results.ts";

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
const read = (changes: object, plugin = "portmap") =>
  attachmentsOf(JSON.stringify({ ...entry, ...changes }), plugin);

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

test("what the list itself says of runtimeConfig counts where the runtime has nothing, as with libcni", () => {
  const runtimeConfig = { portMappings: [{ hostPort: 81 }] };
  const plugins = [{ type: "portmap", capabilities: { portMappings: true }, runtimeConfig }];
  const config = Buffer.from(JSON.stringify({ ...list, plugins })).toString("base64");
  const seen = (changes: object) =>
    JSON.stringify(read({ config, ...changes })[0]?.request.document["runtimeConfig"]);
  assert.equal(seen({ capabilityArgs: {} }), JSON.stringify(runtimeConfig));
  assert.equal(seen({}), JSON.stringify({ portMappings: [{ hostPort: 80 }] }));
});

test("attachments come in the order in which they were made", (t) => {
  const directory = mkdtempSync(`${tmpdir()}/cached-results-`);
  t.after(() => rmSync(directory, { recursive: true }));
  mkdirSync(`${directory}/results`);
  for (const [index, network] of ["b", "c", "a"].entries()) {
    const file = `${directory}/results/${network}-c1-eth0`;
    writeFileSync(file, JSON.stringify({ ...entry, networkName: network, netns: "/proc/self/ns/net" }));
    utimesSync(file, 1000 + index, 1000 + index);
  }
  const names = () => cachedAttachments(directory, "portmap").attachments.map(({ name }) => name);
  assert.deepEqual(names(), ["b/c1/eth0", "c/c1/eth0", "a/c1/eth0"]);
  const none = { attachments: [], unreadable: [] };
  assert.deepEqual(cachedAttachments(`${directory}/none`, "portmap"), none);
  // libcni's own DEL may be at work: what is gone is no failure.
  symlinkSync("nowhere", `${directory}/results/gone`);
  assert.deepEqual(cachedAttachments(directory, "firewall"), none);
});

test("what cannot be read is told, a pipe at once, and the rest is read", (t) => {
  const directory = mkdtempSync(`${tmpdir()}/cached-results-`);
  t.after(() => rmSync(directory, { recursive: true }));
  mkdirSync(`${directory}/results/folder`, { recursive: true });
  const text = JSON.stringify(entry);
  writeFileSync(`${directory}/results/whole`, text);
  writeFileSync(`${directory}/results/cut`, text.slice(0, -9));
  writeFileSync(`${directory}/results/empty`, "");
  execFileSync("mkfifo", [`${directory}/results/pipe`]);
  const { attachments, unreadable } = cachedAttachments(directory, "portmap");
  assert.equal(attachments.length, 1);
  const told = unreadable
    .map(({ code, message }) => [code, message.replace(directory, "").split(":")[0]])
    .sort();
  assert.deepEqual(told, [
    [5, "cannot read cached result /results/folder"],
    [5, "cannot read cached result /results/pipe"],
    [6, "cannot read cached result /results/cut"],
    [6, "cannot read cached result /results/empty"],
  ]);
});

test("lists without the plugin give nothing; what libcni does not write is no attachment", () => {
  assert.deepEqual(read({}, "firewall"), []);
  assert.deepEqual(read({ kind: "other", result: undefined }, "firewall"), []);
  for (const changes of [
    { kind: "other" },
    { result: undefined },
    { containerId: "../x" },
    { result: { cniVersion: "9.0.0" } },
    { config: Buffer.from("{").toString("base64") },
  ]) {
    assert.throws(() => read(changes), JSON.stringify(changes));
  }
  assert.throws(() => attachmentsOf("{", "portmap"));
});
