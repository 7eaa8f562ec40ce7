import assert from "node:assert/strict";
import { test } from "node:test";
import { codeMismatch, errorProblems, resultProblems } from "./result-rules.ts";

const good: [version: string, result: object][] = [
  ["0.1.0", { ip4: { ip: "10.1.0.2/24", gateway: "10.1.0.1", routes: [{ dst: "0.0.0.0/0" }] }, dns: {} }],
  ["0.2.0", { ip6: { ip: "fd00::2/64" }, dns: { nameservers: ["10.1.0.1"] } }],
  ["0.3.1", { ips: [{ version: "4", address: "10.1.0.2/24" }], dns: {} }],
  ["0.4.0", { interfaces: [{ name: "eth0" }], ips: [{ version: "6", address: "fd00::2/64", interface: 0 }] }],
  ["1.0.0", { interfaces: [{ name: "eth0", mac: "", sandbox: "" }], ips: [{ address: "10.1.0.2/24" }] }],
  [
    "1.1.0",
    { interfaces: [{ name: "eth0", mtu: 1500 }], routes: [{ dst: "::/0", gw: "fd00::1", table: 0 }] },
  ],
  ["1.1.0", {}],
];

for (const [cniVersion, result] of good) {
  test(`${cniVersion}: ${JSON.stringify(result)} is a result`, () => {
    assert.deepEqual(resultProblems({ cniVersion, ...result }, cniVersion), []);
  });
}

const bad: [version: string, result: object, problem: RegExp][] = [
  ["1.1.0", { cniVersion: "1.0.0" }, /cniVersion is "1.0.0"/],
  ["1.1.0", { cniVersion: undefined }, /cniVersion is undefined/],
  ["1.0.0", { ip4: {} }, /ip4 belongs to version 0.2.0/],
  ["0.2.0", { ips: [] }, /ips is new in 0.3.0/],
  ["0.2.0", { ip4: [] }, /ip4 is no object/],
  ["0.2.0", { ip4: { ip: "10.1.0.2" } }, /ip4.ip "10.1.0.2" is no ADDRESS/],
  ["0.2.0", { ip4: { ip: "10.1.0.2/24", gateway: "x" } }, /gateway is no address/],
  ["0.2.0", { ip4: { ip: "10.1.0.2/24", routes: [{ dst: "::/0", mtu: 5 }] } }, /mtu is new in 1.1.0/],
  ["0.4.0", { ips: [{ address: "10.1.0.2/24" }] }, /version is undefined, not "4"/],
  ["0.4.0", { ips: [{ version: "4", address: "fd00::2/64" }] }, /version is "4", not "6"/],
  ["1.0.0", { ips: [{ version: "4", address: "10.1.0.2/24" }] }, /version is "4"/],
  ["1.1.0", { ips: [{ address: "10.1.0.2/33" }] }, /no ADDRESS\/LENGTH/],
  ["1.1.0", { ips: [{ address: "fd00::2/64/1" }] }, /no ADDRESS\/LENGTH/],
  ["1.1.0", { ips: [{ address: "10.1.0.2/24", interface: 0 }] }, /no index of interfaces/],
  ["1.1.0", { interfaces: [{}], ips: [] }, /interfaces\[0\] has no name/],
  ["1.1.0", { interfaces: {} }, /interfaces is no list/],
  ["1.0.0", { interfaces: [{ name: "eth0", mtu: 1500 }] }, /mtu is new in 1.1.0/],
  ["1.1.0", { routes: [{ dst: "default" }] }, /routes\[0\].dst "default"/],
  ["1.0.0", { routes: [{ dst: "::/0", table: 5 }] }, /table is new in 1.1.0/],
  ["1.1.0", { dns: [] }, /dns is no object/],
  ["1.1.0", { dns: { search: "x" } }, /dns.search is no list/],
];

for (const [cniVersion, result, problem] of bad) {
  test(`${cniVersion}: ${JSON.stringify(result)} is none`, () => {
    const [first, ...others] = resultProblems({ cniVersion, ...result }, cniVersion);
    assert.match(first ?? "", problem);
    assert.deepEqual(others, []);
  });
}

test("a result is an object", () => {
  for (const value of [undefined, null, 5, "x", []])
    assert.match(resultProblems(value, "1.1.0")[0] ?? "", /object/);
});

test("an error has a code that means something, and a text", () => {
  for (const code of [1, 7, 11, 50, 51, 100, 999]) assert.deepEqual(errorProblems({ code, msg: "x" }), []);
  assert.deepEqual(errorProblems({ cniVersion: "1.1.0", code: 7, msg: "x", details: "y" }), []);
  const problems: [unknown, RegExp][] = [
    [undefined, /one JSON object/],
    [{ code: 0, msg: "x" }, /no positive number/],
    [{ code: "7", msg: "x" }, /no positive number/],
    [{ code: -7, msg: "x" }, /no positive number/],
    [{ msg: "x" }, /no positive number/],
    [{ cniVersion: 1.1, code: 7, msg: "x" }, /cniVersion is no text/],
    [{ cniVersion: null, code: 7, msg: "x" }, /cniVersion is no text/],
    [{ code: 7.5, msg: "x" }, /no positive number/],
    [{ code: 12, msg: "x" }, /code 12 is reserved/],
    [{ code: 99, msg: "x" }, /code 99 is reserved/],
    [{ code: 7, msg: "" }, /msg is empty/],
    [{ code: 7, msg: "x", details: {} }, /details is no text/],
  ];
  for (const [error, problem] of problems) assert.match(errorProblems(error)[0] ?? "", problem);
});

test("an expected code is one of a list, or any from one on", () => {
  const right = [6, { atLeast: 100 }];
  for (const code of [6, 100, 101, 999, 4711]) assert.equal(codeMismatch(code, right), undefined);
  for (const code of [7, 99, "6", "100", undefined])
    assert.match(codeMismatch(code, right) ?? "", /not 6 or 100 and more$/);
});
