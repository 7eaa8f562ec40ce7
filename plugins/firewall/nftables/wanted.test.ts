import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyResult } from "../../../shared/cni/result.fixture.ts";
import type { ResultInterface } from "../../../shared/cni/result.ts";
import { bridgeOf, portsOf } from "./wanted.ts";

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
