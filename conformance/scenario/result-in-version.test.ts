import assert from "node:assert/strict";
import { test } from "node:test";
import { resultInVersion } from "./result-in-version.ts";

const newest = {
  interfaces: [{ name: "eth0", mac: "02:00:00:00:00:01", mtu: 1400, socketPath: "/s", pciID: "1" }],
  ips: [
    { address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 0 },
    { address: "10.2.0.2/24", interface: 0 },
    { address: "fd00::2/64", interface: 0 },
  ],
  routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1", mtu: 1300, table: 5 }, { dst: "::/0" }],
  dns: { nameservers: ["10.1.0.1"] },
};
const interfaces = [{ name: "eth0", mac: "02:00:00:00:00:01" }];
const routes = [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }, { dst: "::/0" }];

test("the newest form is as it is", () => {
  assert.deepEqual(resultInVersion(newest, "1.1.0"), newest);
});

test("1.0.0 has no keys of 1.1.0", () => {
  assert.deepEqual(resultInVersion(newest, "1.0.0"), { ...newest, interfaces, routes });
});

for (const version of ["0.3.0", "0.3.1", "0.4.0"]) {
  test(`${version} has an IP version with each address`, () => {
    const [first, second, third] = newest.ips;
    const ips = [
      { version: "4", ...first },
      { version: "4", ...second },
      { version: "6", ...third },
    ];
    assert.deepEqual(resultInVersion(newest, version), { ...newest, interfaces, routes, ips });
  });
}

for (const version of ["0.1.0", "0.2.0"]) {
  test(`${version} has the first address of each family with its routes, and no interfaces`, () => {
    assert.deepEqual(resultInVersion(newest, version), {
      ip4: { ip: "10.1.0.2/24", gateway: "10.1.0.1", routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }] },
      ip6: { ip: "fd00::2/64", routes: [{ dst: "::/0" }] },
      dns: newest.dns,
    });
  });
}

test("what a pattern does not tell is not asked for in older versions either", () => {
  assert.deepEqual(resultInVersion({ dns: {} }, "0.2.0"), { dns: {} });
  assert.deepEqual(resultInVersion({ ips: [{ address: "10.1.0.2/24" }] }, "0.2.0"), {
    ip4: { ip: "10.1.0.2/24" },
  });
  assert.equal(resultInVersion("text", "0.2.0"), "text");
  assert.deepEqual(resultInVersion({ interfaces: { $length: 3 } }, "1.0.0"), { interfaces: { $length: 3 } });
});

test("an address of unknown family cannot be written for versions before 1.0.0", () => {
  const unknown = { ips: [{ address: { $any: true } }] };
  assert.deepEqual(resultInVersion(unknown, "1.0.0"), unknown);
  assert.throws(() => resultInVersion(unknown, "0.4.0"), /must be a text/);
});
