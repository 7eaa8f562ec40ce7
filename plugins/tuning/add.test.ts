import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyResult } from "../../shared/cni/result.fixture.ts";
import type { ResultInterface } from "../../shared/cni/result.ts";
import { updatedResult } from "./add.ts";

const link = { mac: "02:00:00:00:00:01", mtu: 1400 };

function interfacesAfter(interfaces: ResultInterface[], wanted: { mac?: string; mtu?: number }) {
  return updatedResult({ ...emptyResult, interfaces }, "eth0", link, wanted).interfaces;
}

test("the MAC is told as the kernel shows it", () => {
  const before = [{ name: "cni0" }, { name: "eth0", mac: "02:00:00:00:00:09", sandbox: "/x" }];
  assert.deepEqual(interfacesAfter(before, { mac: "02-00-00-00-00-01" }), [
    { name: "cni0" },
    { name: "eth0", mac: "02:00:00:00:00:01", sandbox: "/x" },
  ]);
});

test("an MTU that is told is corrected, none is added", () => {
  const before = [
    { name: "eth0", mtu: 1500, sandbox: "/x" },
    { name: "eth0", sandbox: "/x" },
  ];
  assert.deepEqual(interfacesAfter(before, { mtu: 1400 }), [
    { name: "eth0", mtu: 1400, sandbox: "/x" },
    { name: "eth0", sandbox: "/x" },
  ]);
  assert.deepEqual(interfacesAfter(before, { mac: "02:00:00:00:00:01" })[0]?.mtu, 1500);
});

test("an interface of the host with the same name stays as it is", () => {
  const host = { name: "eth0", mac: "02:00:00:00:00:08" };
  const container = { name: "eth0", mac: "02:00:00:00:00:09", sandbox: "/x" };
  const wanted = { mac: "02:00:00:00:00:01" };
  assert.deepEqual(interfacesAfter([host, container], wanted)[0], host);
  assert.deepEqual(interfacesAfter([host], wanted), [{ name: "eth0", mac: "02:00:00:00:00:01" }]);
});

test("an interface that is not in the result does not get into it", () => {
  assert.deepEqual(interfacesAfter([], { mac: "02:00:00:00:00:01" }), []);
});
