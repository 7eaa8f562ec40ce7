import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyResult } from "../../shared/cni/result.fixture.ts";
import { printResult } from "../../shared/cni/result-print.ts";
import { formatPrefix, type IpPrefix, parsePrefix } from "../../shared/ip/prefix.ts";
import { loopbackResult } from "./add.ts";
import { loopbackAddresses } from "./check.ts";

function prefixes(...texts: string[]): IpPrefix[] {
  return texts.map((text) => {
    const prefix = parsePrefix(text);
    assert.ok(prefix, text);
    return prefix;
  });
}

const usual = loopbackResult("/run/netns/x", prefixes("127.0.0.1/8", "::1/128"));

test("1.x: the bytes are the Go plugin's", () => {
  assert.equal(
    printResult(usual, "1.0.0"),
    `{
    "cniVersion": "1.0.0",
    "interfaces": [
        {
            "mac": "00:00:00:00:00:00",
            "name": "lo",
            "sandbox": "/run/netns/x"
        }
    ],
    "ips": [
        {
            "address": "127.0.0.1/8",
            "interface": 0
        },
        {
            "address": "::1/128",
            "interface": 0
        }
    ]
}`,
  );
});

test("older versions: their own form", () => {
  assert.deepEqual(JSON.parse(printResult(usual, "0.3.1")), {
    cniVersion: "0.3.1",
    interfaces: [{ name: "lo", mac: "00:00:00:00:00:00", sandbox: "/run/netns/x" }],
    ips: [
      { version: "4", interface: 0, address: "127.0.0.1/8" },
      { version: "6", interface: 0, address: "::1/128" },
    ],
    dns: {},
  });
  assert.deepEqual(JSON.parse(printResult(usual, "0.2.0")), {
    cniVersion: "0.2.0",
    ip4: { ip: "127.0.0.1/8" },
    ip6: { ip: "::1/128" },
    dns: {},
  });
});

test("the first loopback address of each family, nothing that is not one", () => {
  const { ips } = loopbackResult("x", prefixes("192.0.2.1/32", "127.0.0.2/8", "127.0.0.1/8", "fd00::1/128"));
  assert.deepEqual(
    ips.map(({ address }) => formatPrefix(address)),
    ["127.0.0.2/8"],
  );
  assert.deepEqual(loopbackResult("x", []).ips, []);
});

test("CHECK looks for the addresses of lo only", () => {
  const [eth = assert.fail()] = prefixes("10.0.0.5/24");
  const result = {
    ...usual,
    interfaces: [...usual.interfaces, { name: "eth0" }],
    ips: [...usual.ips, { address: eth, interface: 1 }, { address: eth }],
  };
  assert.deepEqual(loopbackAddresses(result).map(formatPrefix), ["127.0.0.1/8", "::1/128"]);
  assert.deepEqual(loopbackAddresses(emptyResult), []);
  assert.deepEqual(loopbackAddresses(undefined), []);
});
