import assert from "node:assert/strict";
import { test } from "node:test";
import type { Command } from "../../shared/cni/environment.ts";
import { CniError } from "../../shared/cni/errors/cni-error.ts";
import { isJsonObject, readJson } from "../../shared/cni/json-read.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { decodeCleanUp, decodeConfig } from "./config.ts";

function request(config: object, command: Command = "ADD", args = ""): Request {
  const text = JSON.stringify({ cniVersion: "1.0.0", name: "net", ...config });
  const document = readJson(text);
  assert.ok(isJsonObject(document));
  const cniVersion = typeof document["cniVersion"] === "string" ? document["cniVersion"] : "";
  return {
    command,
    containerId: "c1",
    netns: "/run/netns/c1",
    ifname: "eth0",
    args,
    path: "/opt/cni/bin",
    network: "net",
    cniVersion,
    stdin: Buffer.from(text),
    document,
    repeatedKeys: [],
  };
}

const refused: [string, object, number, RegExp][] = [
  ["a wrong type", { mtu: "1500" }, 6, /^network config: mtu: expected an integer, got the string "1500"$/],
  ["a float", { mtu: 1500.5 }, 6, /mtu: expected an integer, got the number 1500.5/],
  ["ipam of the wrong type", { ipam: "host-local" }, 6, /ipam: expected an object/],
  ["an empty bridge name", { bridge: "" }, 7, /bridge: "" cannot name a link/],
  ["a path as bridge name", { bridge: "../../x" }, 7, /cannot name a link/],
  ["a long bridge name", { bridge: "a234567890123456" }, 7, /cannot name a link/],
  ["hairpin and promiscuous", { hairpinMode: true, promiscMode: true }, 7, /at the same time/],
  ["IPAM without interface", { ipam: { type: "x" }, disableContainerInterface: true }, 7, /cannot use IPAM/],
  ["a bad MAC", { runtimeConfig: { mac: "zz" } }, 7, /address zz: invalid MAC address/],
  ["a VLAN that is none", { vlan: 5000 }, 7, /^invalid VLAN ID 5000 \(must be between 0 and 4094\)$/],
  ["a trunk item that is none", { vlanTrunk: [null] }, 6, /vlanTrunk\[0\]/],
  [
    "a gateway interface with a long name",
    { bridge: "a23456789012", vlan: 100, isGateway: true, ipam: { type: "x" } },
    7,
    /^a23456789012\.100 cannot name/,
  ],
  [
    "a masquerading backend that is none",
    { ipMasq: true, ipMasqBackend: "" },
    7,
    /unknown ipmasq backend ""/,
  ],
  ["layer 2 in the oldest version", { cniVersion: "0.2.0" }, 7, /0\.2\.0 cannot express/],
];

for (const [what, config, code, text] of refused) {
  test(`ADD refuses ${what}`, () => {
    assert.throws(
      () => decodeConfig(request(config)),
      (error) => error instanceof CniError && error.code === code && text.test(error.message),
    );
  });
}

test("DEL needs no more than it uses: a container stays removable with a wrong configuration", () => {
  const wrong = { vlan: 5000, mtu: "1500", hairpinMode: true, promiscMode: true, bridge: "" };
  const config = decodeCleanUp(request({ ...wrong, ipam: { type: "host-local" } }, "DEL", "junk"));
  assert.deepEqual(config, { ipam: { type: "host-local", inProcess: true } });
});

test("defaults", () => {
  const { bridge, isGateway, ipam, dns, mac, mtu } = decodeConfig(request({}));
  assert.deepEqual(
    { bridge, isGateway, ipam, dns, mac, mtu },
    {
      bridge: "cni0",
      isGateway: false,
      ipam: { type: "", inProcess: true },
      dns: undefined,
      mac: undefined,
      mtu: 0,
    },
  );
});

test("keys match without regard to case; null is absent", () => {
  const config = decodeConfig(
    request({ ISGATEWAY: true, Bridge: "br0", mtu: null, RuntimeConfig: { MAC: "02:00:00:00:00:09" } }),
  );
  assert.deepEqual(
    [config.isGateway, config.bridge, config.mtu, config.mac],
    [true, "br0", 0, "02:00:00:00:00:09"],
  );
});

test("VLANs: an empty trunk turns filtering on, and nothing else", () => {
  const plain = decodeConfig(request({}));
  assert.deepEqual(
    [plain.vlanFiltering, plain.vlans],
    [false, { vlan: 0, trunk: [], preserveDefaultVlan: false }],
  );
  const empty = decodeConfig(request({ vlanTrunk: [] }));
  assert.deepEqual([empty.vlanFiltering, empty.vlans.trunk], [true, []]);
  const trunk = decodeConfig(request({ vlan: 100, vlanTrunk: [{ id: 5 }], preserveDefaultVlan: true }));
  assert.deepEqual(trunk.vlans, { vlan: 100, trunk: [5], preserveDefaultVlan: true });
});

test("isDefaultGateway implies isGateway", () => {
  assert.equal(decodeConfig(request({ isDefaultGateway: true })).isGateway, true);
});

test("the MAC comes from runtimeConfig before args before CNI_ARGS; blank ones do not count", () => {
  const mac = (digit: number): string => `02:00:00:00:00:0${digit}`;
  const all = { runtimeConfig: { mac: mac(1) }, args: { cni: { mac: mac(2) } } };
  const text = `IgnoreUnknown=1;MAC=${mac(3)};K8S_POD=x`;
  assert.equal(decodeConfig(request(all, "ADD", text)).mac, mac(1));
  assert.equal(decodeConfig(request({ ...all, runtimeConfig: { mac: "" } }, "ADD", text)).mac, mac(2));
  assert.equal(decodeConfig(request({}, "ADD", text)).mac, mac(3));
});

test("dns of the config counts when any of its lists is there, even empty", () => {
  assert.equal(decodeConfig(request({ dns: {} })).dns, undefined);
  assert.deepEqual(decodeConfig(request({ dns: { search: [] } })).dns, { search: [] });
});
