import assert from "node:assert/strict";
import { test } from "node:test";
import { CniError } from "../../shared/cni/errors/cni-error.ts";
import { emptyResult } from "../../shared/cni/result.fixture.ts";
import type { ResultInterface } from "../../shared/cni/result.ts";
import type { FirewallConfig } from "./config.ts";
import type { IngressPolicy } from "./isolation.ts";
import { bridgeOf, isolationOf, portsOf } from "./isolation.ts";

function config(ingressPolicy: IngressPolicy): FirewallConfig {
  return { backend: "iptables", adminChain: "CNI-ADMIN", zone: "trusted", ingressPolicy, dataDir: "/d" };
}

function bridgeRefusal(...names: readonly string[]): string {
  const interfaces = names.map((name) => ({ name }));
  try {
    isolationOf(config("same-bridge"), { ...emptyResult, interfaces });
  } catch (error) {
    assert.ok(error instanceof CniError && error.code === 7);
    return error.message;
  }
  assert.fail(`${names} was accepted`);
}

test("open needs no interface", () => {
  assert.equal(isolationOf(config("open"), emptyResult), undefined);
});

test("the bridge is the first interface", () => {
  const interfaces = [{ name: "cni0" }, { name: "veth1" }, { name: "eth0", sandbox: "/run/netns/c" }];
  assert.deepEqual(isolationOf(config("isolated"), { ...emptyResult, interfaces }), {
    policy: "isolated",
    bridge: "cni0",
  });
});

test("a policy without a bridge is refused", () => {
  assert.equal(
    bridgeRefusal(),
    'interface needs to be set for ingress policy "same-bridge", make sure to chain "firewall" plugin with "bridge"',
  );
  assert.equal(bridgeRefusal(""), "got empty bridge name");
});

test("a bridge name that would match other interfaces is refused", () => {
  for (const name of ["cni+", "+", "!", "a b", "a\nb", 'a"b', "-x", "a/b", "a:b", "x".repeat(16)]) {
    assert.match(bridgeRefusal(name), /^invalid bridge name /);
  }
});

function withInterfaces(...interfaces: readonly ResultInterface[]) {
  return { ...emptyResult, interfaces };
}

test("ports are the host's interfaces behind the bridge", () => {
  const inside = { name: "eth0", sandbox: "/run/netns/c1" };
  assert.deepEqual(portsOf(withInterfaces({ name: "cni0" }, { name: "veth1" }, inside)), ["veth1"]);
  assert.deepEqual(portsOf(withInterfaces({ name: "cni0" }, { name: "veth1", sandbox: "" }, inside)), [
    "veth1",
  ]);
  assert.deepEqual(
    portsOf(withInterfaces({ name: "cni0" }, { name: "v" }, { name: "v" })),
    ["v"],
    "each once",
  );
  assert.deepEqual(portsOf(withInterfaces({ name: "veth1" }, inside)), [], "ptp");
  assert.deepEqual(portsOf(emptyResult), []);
  const vlans = withInterfaces({ name: "cni0" }, { name: "veth1" }, inside, { name: "cni0.100" });
  assert.deepEqual(portsOf(vlans), ["veth1"], "a gateway of a VLAN is no port");
  assert.deepEqual(portsOf(withInterfaces({ name: "cni0" }, { name: "cni0.a" }, { name: "cni01.1" })), [
    "cni0.a",
    "cni01.1",
  ]);
});

test("names that no interface can have are passed over", () => {
  for (const name of ["", "a b", "a/b", "x".repeat(16), "a\u0000b", "ü".repeat(8)]) {
    assert.deepEqual(portsOf(withInterfaces({ name: "cni0" }, { name })), [], JSON.stringify(name));
    assert.equal(bridgeOf(withInterfaces({ name })), undefined, JSON.stringify(name));
  }
});

test("the bridge is the first interface, if it is the host's", () => {
  assert.equal(bridgeOf(withInterfaces({ name: "cni0" }, { name: "veth1" })), "cni0");
  assert.equal(bridgeOf(withInterfaces({ name: "eth0", sandbox: "/run/netns/c1" })), undefined, "macvlan");
  assert.equal(bridgeOf(emptyResult), undefined);
});
