import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type IpAddress, parseIp } from "../ip/address.ts";
import { type IpPrefix, parsePrefix } from "../ip/prefix.ts";
import { isJsonObject, readJson } from "./json-read.ts";
import { emptyResult } from "./result.fixture.ts";
import type { Result } from "./result.ts";
import { parseResult } from "./result-parse.ts";
import { printResult } from "./result-print.ts";

function prefix(text: string): IpPrefix {
  const parsed = parsePrefix(text);
  assert.ok(parsed, text);
  return parsed;
}

function ip(text: string): IpAddress {
  const parsed = parseIp(text);
  assert.ok(parsed, text);
  return parsed;
}

const full: Result = {
  interfaces: [
    { name: "cni0", mac: "0a:00:00:00:00:01", mtu: 1500 },
    { name: "eth0", mac: "0a:00:00:00:00:02", mtu: 1500, sandbox: "/run/netns/x", pciID: "0000:04:00.5" },
  ],
  ips: [
    { address: prefix("10.1.0.5/16"), gateway: ip("10.1.0.1"), interface: 1 },
    { address: prefix("10.2.0.5/16"), interface: 0 },
    { address: prefix("2001:db8::5/64"), gateway: ip("2001:db8::1") },
  ],
  routes: [
    {
      dst: prefix("0.0.0.0/0"),
      gw: ip("10.1.0.1"),
      mtu: 1400,
      advmss: 1300,
      priority: 5,
      table: 0,
      scope: 0,
    },
    { dst: prefix("10.7.7.7/8"), mtu: 0 },
    { dst: prefix("::/0") },
  ],
  dns: { nameservers: ["10.1.0.1"], domain: "a.b", search: ["<c>"], options: [] },
};

test("1.1.0 and 1.0.0: every level's keys in alphabetical order", () => {
  const wanted = `{
    "cniVersion": "1.1.0",
    "dns": {
        "domain": "a.b",
        "nameservers": [
            "10.1.0.1"
        ],
        "search": [
            "\\u003cc\\u003e"
        ]
    },
    "interfaces": [
        {
            "mac": "0a:00:00:00:00:01",
            "mtu": 1500,
            "name": "cni0"
        },
        {
            "mac": "0a:00:00:00:00:02",
            "mtu": 1500,
            "name": "eth0",
            "pciID": "0000:04:00.5",
            "sandbox": "/run/netns/x"
        }
    ],
    "ips": [
        {
            "address": "10.1.0.5/16",
            "gateway": "10.1.0.1",
            "interface": 1
        },
        {
            "address": "10.2.0.5/16",
            "interface": 0
        },
        {
            "address": "2001:db8::5/64",
            "gateway": "2001:db8::1"
        }
    ],
    "routes": [
        {
            "advmss": 1300,
            "dst": "0.0.0.0/0",
            "gw": "10.1.0.1",
            "mtu": 1400,
            "priority": 5,
            "scope": 0,
            "table": 0
        },
        {
            "dst": "10.7.7.7/8"
        },
        {
            "dst": "::/0"
        }
    ]
}`;
  assert.equal(printResult(full, "1.1.0"), wanted);
  assert.equal(printResult(full, "1.0.0"), wanted.replace("1.1.0", "1.0.0"));
});

test("0.3.0 to 0.4.0: declaration order, version of each address, the newer route keys stay", () => {
  const wanted = `{
    "cniVersion": "0.4.0",
    "interfaces": [
        {
            "name": "cni0",
            "mac": "0a:00:00:00:00:01"
        },
        {
            "name": "eth0",
            "mac": "0a:00:00:00:00:02",
            "sandbox": "/run/netns/x"
        }
    ],
    "ips": [
        {
            "version": "4",
            "interface": 1,
            "address": "10.1.0.5/16",
            "gateway": "10.1.0.1"
        },
        {
            "version": "4",
            "interface": 0,
            "address": "10.2.0.5/16"
        },
        {
            "version": "6",
            "address": "2001:db8::5/64",
            "gateway": "2001:db8::1"
        }
    ],
    "routes": [
        {
            "dst": "0.0.0.0/0",
            "gw": "10.1.0.1",
            "mtu": 1400,
            "advmss": 1300,
            "priority": 5,
            "table": 0,
            "scope": 0
        },
        {
            "dst": "10.7.7.7/8"
        },
        {
            "dst": "::/0"
        }
    ],
    "dns": {
        "nameservers": [
            "10.1.0.1"
        ],
        "domain": "a.b",
        "search": [
            "\\u003cc\\u003e"
        ]
    }
}`;
  assert.equal(printResult(full, "0.4.0"), wanted);
  for (const version of ["0.3.0", "0.3.1"]) {
    assert.equal(printResult(full, version), wanted.replace("0.4.0", version));
  }
});

test("0.1.0 and 0.2.0: the first address of each family with its family's routes", () => {
  const wanted = `{
    "cniVersion": "0.2.0",
    "ip4": {
        "ip": "10.1.0.5/16",
        "gateway": "10.1.0.1",
        "routes": [
            {
                "dst": "0.0.0.0/0",
                "gw": "10.1.0.1"
            },
            {
                "dst": "10.7.7.7/8"
            }
        ]
    },
    "ip6": {
        "ip": "2001:db8::5/64",
        "gateway": "2001:db8::1",
        "routes": [
            {
                "dst": "::/0"
            }
        ]
    },
    "dns": {
        "nameservers": [
            "10.1.0.1"
        ],
        "domain": "a.b",
        "search": [
            "\\u003cc\\u003e"
        ]
    }
}`;
  assert.equal(printResult(full, "0.2.0"), wanted);
  assert.equal(printResult(full, "0.1.0"), wanted.replace("0.2.0", "0.1.0"));
  assert.equal(printResult(full, ""), wanted.replace("0.2.0", "0.1.0"));
});

test("routes of a family without address do not fit into 0.2.0", () => {
  const onlySix = { ...full, ips: full.ips.slice(2) };
  const printed = printResult(onlySix, "0.2.0");
  assert.doesNotMatch(printed, /0\.0\.0\.0|ip4/);
});

test("an empty result", () => {
  assert.equal(printResult(emptyResult, "1.1.0"), '{\n    "cniVersion": "1.1.0"\n}');
  assert.equal(printResult(emptyResult, "0.3.1"), '{\n    "cniVersion": "0.3.1",\n    "dns": {}\n}');
  for (const version of ["0.1.0", "0.2.0"]) {
    assert.throws(() => printResult(emptyResult, version), {
      message: "cannot convert: no valid IP addresses",
    });
  }
});

test("empty members of an interface are left out, its name never", () => {
  const result = { ...emptyResult, interfaces: [{ name: "", mac: "", mtu: 0, sandbox: "" }] };
  assert.equal(
    printResult(result, "1.0.0"),
    '{\n    "cniVersion": "1.0.0",\n    "interfaces": [\n        {\n            "name": ""\n        }\n    ]\n}',
  );
});

test("an unknown version cannot be printed", () => {
  assert.throws(() => printResult(full, "1.2.0"), { code: 1 });
});

const prefixes = fc.oneof(
  fc
    .tuple(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.nat(32))
    .map(
      ([value, prefixLength]): IpPrefix => ({ address: { family: 4, value: BigInt(value) }, prefixLength }),
    ),
  fc
    .tuple(fc.bigInt({ min: 1n << 64n, max: (1n << 128n) - 1n }), fc.nat(128))
    .map(([value, prefixLength]): IpPrefix => ({ address: { family: 6, value }, prefixLength })),
);
const names = fc.string({ minLength: 1 });
const optional = { requiredKeys: ["address" as const], noNullPrototype: true };
const results = fc.record(
  {
    interfaces: fc.array(
      fc.record(
        {
          name: fc.string(),
          mac: names,
          mtu: fc.integer({ min: 1 }),
          sandbox: names,
          socketPath: names,
          pciID: names,
        },
        { requiredKeys: ["name"], noNullPrototype: true },
      ),
    ),
    ips: fc.array(
      fc.record(
        { address: prefixes, gateway: prefixes.map(({ address }) => address), interface: fc.nat() },
        optional,
      ),
    ),
    routes: fc.array(
      fc.record(
        {
          dst: prefixes,
          gw: prefixes.map(({ address }) => address),
          mtu: fc.integer({ min: 1 }),
          advmss: fc.integer({ min: 1 }),
          priority: fc.integer({ min: 1 }),
          table: fc.nat(),
          scope: fc.nat(255),
        },
        { requiredKeys: ["dst"], noNullPrototype: true },
      ),
    ),
    dns: fc.record(
      { nameservers: fc.array(names, { minLength: 1 }), domain: names },
      { requiredKeys: [], noNullPrototype: true },
    ),
  },
  { noNullPrototype: true },
);

function reread(result: Result, version: string): Result {
  const document = readJson(printResult(result, version));
  assert.ok(isJsonObject(document));
  return parseResult(document, version);
}

test("what is printed for 1.x reads back the same", () => {
  fc.assert(
    fc.property(results, fc.constantFrom("1.0.0", "1.1.0"), (result, version) => {
      assert.deepEqual(reread(result, version), result);
    }),
  );
});

test("0.3.0 to 0.4.0 lose what their interfaces do not have, nothing else", () => {
  fc.assert(
    fc.property(results, fc.constantFrom("0.3.0", "0.3.1", "0.4.0"), (result, version) => {
      const interfaces = result.interfaces.map(({ name, mac, sandbox }) => ({
        name,
        ...(mac === undefined ? {} : { mac }),
        ...(sandbox === undefined ? {} : { sandbox }),
      }));
      assert.deepEqual(reread(result, version), { ...result, interfaces });
    }),
  );
});
