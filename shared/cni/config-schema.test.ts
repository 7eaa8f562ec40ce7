import assert from "node:assert/strict";
import { test } from "node:test";
import * as z from "zod/mini";
import { formatIp } from "../ip/address.ts";
import { formatPrefix } from "../ip/prefix.ts";
import {
  anyObject,
  configObject,
  decode,
  integer,
  optionalBoolean,
  optionalInteger,
  optionalIp,
  optionalText,
  prefix,
  text,
} from "./config-schema.ts";
import { readJson } from "./json-read.ts";
import { commonKeys } from "./network-config.ts";

const schema = configObject({
  ...commonKeys,
  mtu: optionalInteger,
  promiscMode: optionalBoolean,
  ipam: z.optional(configObject({ type: optionalText, dataDir: optionalText })),
  subnet: z.optional(prefix),
  gateway: optionalIp,
  list: z.optional(z.array(configObject({ hostPort: integer }))),
  sysctl: z.optional(z.record(z.string(), text)),
});

const read = (json: string) => decode(schema, readJson(json));

function refusal(json: string): [unknown, string] {
  try {
    read(json);
  } catch (error) {
    assert.ok(error instanceof Error && "code" in error);
    return [error.code, error.message];
  }
  throw new Error(`accepted ${json}`);
}

test("keys match in any case, the exact one and later ones first", () => {
  const config = read('{"PROMISCMODE":true,"MTU":1400,"IPAM":{"DataDir":"/x"},"ſubnet":"10.0.0.0/8"}');
  assert.equal(config.promiscMode, true);
  assert.equal(config.mtu, 1400);
  assert.equal(config.ipam?.dataDir, "/x");
  assert.equal(config.subnet && formatPrefix(config.subnet), "10.0.0.0/8");
  assert.equal(read('{"mtu":1,"MTU":2}').mtu, 2);
});

test("differently spelled objects are merged", () => {
  assert.deepEqual(read('{"ipam":{"type":"a","dataDir":"/b"},"IPAM":{"type":"c"}}').ipam, {
    type: "c",
    dataDir: "/b",
  });
});

test("a document is not changed by decoding, whatever it repeats", () => {
  const json = '{"ipam":{"type":"a","x":{"y":1}},"IPAM":{"x":{"z":2}},"Ipam":{"x":{"y":3}}}';
  const document = readJson(json);
  const whole = z.object({ ipam: anyObject });
  const expected = { type: "a", x: { y: 3, z: 2 } };
  for (const _ of [1, 2])
    assert.equal(JSON.stringify(decode(whole, document).ipam), JSON.stringify(expected));
  assert.equal(JSON.stringify(document), json);
  assert.equal(
    JSON.stringify(decode(whole, readJson('{"ipam":{"a":1},"IPAM":null,"Ipam":{"b":2}}'))),
    '{"ipam":{"b":2}}',
  );
});

test("a key in many spellings takes a time that is linear in their number", { timeout: 120_000 }, () => {
  const spelling = (number: number): string =>
    [..."prevresultprevre"]
      .map((letter, at) => ((number >> at) & 1 ? letter.toUpperCase() : letter))
      .join("");
  const members = Array.from({ length: 65_536 }, (_, number) => `"${spelling(number)}":{"k${number}":1}`);
  const { prevresultprevre } = decode(
    configObject({ prevresultprevre: anyObject }),
    readJson(`{${members.join(",")}}`),
  );
  assert.equal(Object.keys(prevresultprevre).length, 65_536);
});

test("null is absent and unknown keys are ignored, also those of Object.prototype", () => {
  assert.deepEqual(read('{"mtu":null,"ipam":null,"x":1,"constructor":2,"toString":3}'), {});
  assert.equal(read('{"__proto__":{"mtu":9000}}').mtu, undefined);
  assert.equal(read('{"__PROTO__":{"mtu":9000}}').mtu, undefined);
});

test("integers must be written as integers", () => {
  assert.equal(read('{"mtu":-5}').mtu, -5);
  for (const source of ["1.0", "1e3", "9007199254740993"]) {
    const message = `network config: mtu: expected an integer, got the number ${source}`;
    assert.deepEqual(refusal(`{"mtu":${source}}`), [6, message]);
  }
});

test("wrong types name key, expectation and value", () => {
  const cases: [string, string][] = [
    ['{"mtu":"5"}', 'mtu: expected an integer, got the string "5"'],
    ['{"promiscMode":"true"}', 'promiscMode: expected true or false, got the string "true"'],
    ['{"promiscMode":1}', "promiscMode: expected true or false, got the number 1"],
    ['{"ipam":"x"}', 'ipam: expected an object, got the string "x"'],
    ['{"ipam":{"TYPE":5}}', "ipam.type: expected a string, got the number 5"],
    ['{"list":{}}', "list: expected a list, got an object"],
    [
      '{"list":[{"hostPort":1},{"hostPort":"2"}]}',
      'list[1].hostPort: expected an integer, got the string "2"',
    ],
    ['{"list":[{}]}', "list[0].hostPort is missing"],
    ['{"prevResult":"x"}', 'prevResult: expected an object, got the string "x"'],
    ['{"sysctl":[]}', "sysctl: expected an object, got a list"],
    ['{"sysctl":{"a.b":1}}', "sysctl.a.b: expected a string, got the number 1"],
    ['{"capabilities":{"mac":"yes"}}', 'capabilities.mac: expected true or false, got the string "yes"'],
    ['{"dns":{"search":"x"}}', 'dns.search: expected a list, got the string "x"'],
  ];
  for (const [json, message] of cases) assert.deepEqual(refusal(json), [6, `network config: ${message}`]);
  assert.deepEqual(refusal("[]"), [6, "network config: expected an object, got a list"]);
});

test("values that cannot be are config errors", () => {
  assert.deepEqual(refusal('{"subnet":"10.0.0.0"}'), [
    7,
    "network config: subnet: invalid CIDR address: 10.0.0.0",
  ]);
  assert.deepEqual(refusal('{"gateway":"10.0.0.1/8"}'), [
    7,
    "network config: gateway: invalid IP address: 10.0.0.1/8",
  ]);
});

test("an empty IP address is absent", () => {
  assert.equal(read('{"gateway":""}').gateway, undefined);
  const { gateway } = read('{"gateway":"2001:DB8::0:1"}');
  assert.equal(gateway && formatIp(gateway), "2001:db8::1");
});

test("anyObject takes objects only", () => {
  assert.deepEqual({ ...decode(anyObject, readJson('{"a":1}')) }, { a: 1 });
  for (const json of ["[]", "1.0", '"x"', "null"]) assert.throws(() => decode(anyObject, readJson(json)));
});
