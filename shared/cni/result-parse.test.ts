import assert from "node:assert/strict";
import { test } from "node:test";
import { isJsonObject, readJson } from "./json-read.ts";
import { emptyResult } from "./result.fixture.ts";
import { parseResult } from "./result-parse.ts";
import { printResult } from "./result-print.ts";
import { allVersions, resultFamily } from "./versions.ts";

function parse(json: string, version: string) {
  const document = readJson(json);
  assert.ok(isJsonObject(document));
  return parseResult(document, version);
}

function convert(json: string, from: string, to: string): unknown {
  return JSON.parse(printResult(parse(json, from), to));
}

const oldest = `{"cniVersion":"0.2.0","dns":{"domain":"d"},
  "ip6":{"ip":"2001:db8::5/64","routes":[{"dst":"::/0","mtu":1400}]},
  "ip4":{"ip":"10.0.0.5/24","gateway":"10.0.0.1","routes":[{"dst":"0.0.0.0/0","gw":"10.0.0.1"}]}}`;

test("0.2.0 to newer forms: ip4 comes first, addresses get their version", () => {
  const dns = { domain: "d" };
  const routes = [
    { dst: "0.0.0.0/0", gw: "10.0.0.1" },
    { dst: "::/0", mtu: 1400 },
  ];
  assert.deepEqual(convert(oldest, "0.2.0", "0.4.0"), {
    cniVersion: "0.4.0",
    ips: [
      { version: "4", address: "10.0.0.5/24", gateway: "10.0.0.1" },
      { version: "6", address: "2001:db8::5/64" },
    ],
    routes,
    dns,
  });
  assert.deepEqual(convert(oldest, "0.1.0", "1.1.0"), {
    cniVersion: "1.1.0",
    ips: [{ address: "10.0.0.5/24", gateway: "10.0.0.1" }, { address: "2001:db8::5/64" }],
    routes,
    dns,
  });
});

test("0.3.x has no more than three members in an interface", () => {
  const json = '{"interfaces":[{"name":"eth0","mac":"a","mtu":1,"sandbox":"s","pciID":"p","x":1}]}';
  assert.deepEqual(parse(json, "0.4.0").interfaces, [{ name: "eth0", mac: "a", sandbox: "s" }]);
  assert.deepEqual(parse(json, "1.0.0").interfaces, [
    { name: "eth0", mac: "a", mtu: 1, sandbox: "s", pciID: "p" },
  ]);
});

test("a document without version is of the configuration's; one of the same family fits", () => {
  for (const version of allVersions) assert.deepEqual(parse("{}", version), emptyResult);
  for (const written of allVersions) {
    for (const version of allVersions) {
      const read = () => parse(`{"cniVersion":"${written}"}`, version);
      if (resultFamily(written) === resultFamily(version)) assert.deepEqual(read(), emptyResult);
      else assert.throws(read, { code: 1 }, `${written} for ${version}`);
    }
  }
});

test("the refusal of another family names what is accepted", () => {
  assert.throws(() => parse('{"cniVersion":"0.4.0"}', "1.1.0"), {
    message:
      'could not parse prevResult: result type supports [1.0.0 1.1.0] but unmarshalled CNIVersion is "0.4.0"',
  });
  assert.throws(() => parse('{"cniVersion":""}', "1.1.0"), { code: 1 });
  assert.deepEqual(parse('{"cniVersion":""}', "0.2.0"), emptyResult);
});

test("text is normalised, host bits are kept", () => {
  const json = `{"ips":[{"address":"2001:DB8:0::5/64","gateway":""},{"address":"::ffff:10.1.2.5/120"}],
    "routes":[{"dst":"10.7.7.7/8","table":0}]}`;
  assert.deepEqual(convert(json, "1.0.0", "1.0.0"), {
    cniVersion: "1.0.0",
    ips: [{ address: "2001:db8::5/64" }, { address: "10.1.2.5/24" }],
    routes: [{ dst: "10.7.7.7/8", table: 0 }],
  });
});

test("broken content is named", () => {
  const cases: [string, number, RegExp][] = [
    ['{"ips":[{"address":"zz"}]}', 7, /ips\[0\]\.address: invalid CIDR address: zz/],
    ['{"ips":[{"address":"010.0.0.1/8"}]}', 7, /invalid CIDR address: 010\.0\.0\.1\/8/],
    ['{"ips":[{}]}', 6, /ips\[0\]\.address is missing/],
    ['{"ips":{}}', 6, /ips: expected a list, got an object/],
    ['{"routes":[{"dst":"::/0","gw":"x"}]}', 7, /routes\[0\]\.gw: invalid IP address: x/],
    ['{"interfaces":["eth0"]}', 6, /interfaces\[0\]: expected an object/],
    ['{"cniVersion":1}', 6, /cniVersion: expected a string/],
  ];
  for (const [json, code, message] of cases)
    assert.throws(() => parse(json, "1.1.0"), { code, message }, json);
});
