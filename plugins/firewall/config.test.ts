import assert from "node:assert/strict";
import { test } from "node:test";
import { CniError } from "../../shared/cni/errors/cni-error.ts";
import { isJsonObject, readJson } from "../../shared/cni/json-read.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { decodeCleanUp, decodeConfig } from "./config.ts";

function request(command: Request["command"], keys: Readonly<Record<string, unknown>>): Request {
  const stdin = Buffer.from(JSON.stringify({ cniVersion: "1.0.0", name: "n", type: "firewall", ...keys }));
  const document = readJson(stdin.toString());
  assert.ok(isJsonObject(document));
  return {
    ...{ command, containerId: "c1", netns: "/run/netns/c1", ifname: "eth0", args: "", path: "" },
    ...{ network: "n", cniVersion: "1.0.0", stdin, document, repeatedKeys: [] },
  };
}

function refusal(keys: Readonly<Record<string, unknown>>): CniError {
  try {
    decodeConfig(request("ADD", keys));
  } catch (error) {
    assert.ok(error instanceof CniError);
    return error;
  }
  assert.fail("it was accepted");
}

test("defaults, also for empty texts", () => {
  const expected = {
    backend: "detect",
    zone: "trusted",
    adminChain: "CNI-ADMIN",
    ingressPolicy: "open",
    dataDir: "/run/cni/firewall",
  };
  assert.deepEqual(decodeConfig(request("ADD", {})), expected);
  const empty = {
    backend: "",
    iptablesAdminChainName: "",
    firewalldZone: "",
    ingressPolicy: "",
    dataDir: "",
  };
  assert.deepEqual(decodeConfig(request("ADD", empty)), expected);
});

test("keys match without regard to case", () => {
  const config = decodeConfig(request("ADD", { IPTABLESadminChainName: "MINE", INGRESSPOLICY: "isolated" }));
  assert.equal(config.adminChain, "MINE");
  assert.equal(config.ingressPolicy, "isolated");
});

test("a backend by its name; unknown ones mean detection", () => {
  for (const backend of ["iptables", "firewalld", "nftables"]) {
    assert.equal(decodeConfig(request("ADD", { backend })).backend, backend);
  }
  for (const backend of ["foo", "Firewalld", "NFTABLES"]) {
    assert.equal(decodeConfig(request("ADD", { backend })).backend, "detect");
  }
});

test("the zone", () => {
  assert.equal(decodeConfig(request("ADD", { firewalldZone: "cni" })).zone, "cni");
  assert.equal(decodeConfig(request("ADD", { zone: "cni" })).zone, "trusted", "no key of this plugin");
  assert.equal(refusal({ firewalldZone: "a\u0000b" }).code, 7);
});

test("an unknown policy is refused", () => {
  for (const ingressPolicy of ["foo", "Isolated", "same_bridge"]) {
    const { code, message } = refusal({ ingressPolicy });
    assert.equal(code, 7);
    assert.equal(message, `unknown ingress policy: "${ingressPolicy}"`);
  }
});

test("a wrong type names the key", () => {
  for (const key of ["backend", "iptablesAdminChainName", "firewalldZone", "ingressPolicy", "dataDir"]) {
    const { code, message } = refusal({ [key]: 5 });
    assert.equal(code, 6);
    assert.match(message, new RegExp(key));
  }
});

test("names that cannot be an admin chain are refused", () => {
  const bad = [
    ...["A".repeat(29), "é".repeat(15), "A B", "A\nB", "A\u0000", 'A"B', "A'B", "A\\B", "-A", "!A", ":A"],
    ...["FORWARD", "INPUT", "CNI-FORWARD", "CNI-ISOLATION-STAGE-1", "ACCEPT", "DNAT", "RETURN", "LOG"],
  ];
  for (const iptablesAdminChainName of bad) {
    const { code, message } = refusal({ iptablesAdminChainName });
    assert.equal(code, 7);
    assert.match(message, /^invalid iptablesAdminChainName /);
  }
  for (const iptablesAdminChainName of ["A".repeat(28), "CNI-ADMIN", "my.chain_1+x"]) {
    const { adminChain } = decodeConfig(request("ADD", { iptablesAdminChainName }));
    assert.equal(adminChain, iptablesAdminChainName);
  }
});

test("a dataDir has to be absolute", () => {
  for (const dataDir of ["run/x", "../x", "/run/a\nb"]) assert.equal(refusal({ dataDir }).code, 7);
});

test("DEL and GC work with a configuration that ADD refuses", () => {
  const keys = { backend: 5, iptablesAdminChainName: "-", ingressPolicy: "foo", dataDir: "relative" };
  for (const command of ["DEL", "GC"] as const) {
    assert.equal(decodeCleanUp(request(command, keys)).dataDir, "/run/cni/firewall");
    assert.equal(decodeCleanUp(request(command, { dataDir: "/data" })).dataDir, "/data");
    assert.equal(decodeCleanUp(request(command, {})).backend, "detect");
    assert.equal(decodeCleanUp(request(command, { firewalldZone: "cni" })).zone, "cni");
    assert.equal(decodeCleanUp(request(command, { firewalldZone: 5 })).zone, "trusted");
    assert.equal(decodeCleanUp(request(command, { backend: "firewalld" })).backend, "firewalld");
  }
});
