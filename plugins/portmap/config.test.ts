import assert from "node:assert/strict";
import { test } from "node:test";
import { isJsonObject, readJson } from "../../shared/cni/json-read.ts";
import { CniError } from "../../shared/errors/cni-error.ts";
import { decodeConfig } from "./config.ts";

function decodeText(text: string, command: "ADD" | "DEL" = "ADD") {
  const document = readJson(text);
  assert.ok(isJsonObject(document));
  return decodeConfig({ command, document });
}

function refusal(text: string, command: "ADD" | "DEL" = "ADD"): CniError {
  try {
    decodeText(text, command);
  } catch (error) {
    if (error instanceof CniError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

test("an empty configuration publishes nothing and marks with bit 13", () => {
  for (const text of [
    "{}",
    '{"backend":null,"snat":null,"markMasqBit":null,"runtimeConfig":{"portMappings":null}}',
  ]) {
    assert.deepEqual(decodeText(text), {
      mappings: [],
      masquerade: { kind: "mark", bit: 13, all: false },
      conditions: { 4: [], 6: [] },
    });
  }
});

test("keys match without regard to case", () => {
  const { mappings, masquerade } = decodeText(
    '{"SNAT":true,"masqall":true,"RuntimeConfig":{"portmappings":[{"hostport":1,"CONTAINERPORT":2,"protocol":"udp","hostIp":"::"}]}}',
  );
  assert.deepEqual(mappings, [{ protocol: "udp", hostPort: 1, containerPort: 2, family: 6 }]);
  assert.deepEqual(masquerade, { kind: "mark", bit: 13, all: true });
});

test("mappings come from runtimeConfig only", () => {
  const { mappings } = decodeText('{"portMappings":[{"hostPort":1,"containerPort":1,"protocol":"tcp"}]}');
  assert.deepEqual(mappings, []);
});

test("who marks packets", () => {
  assert.deepEqual(decodeText('{"markMasqBit":0}').masquerade, { kind: "mark", bit: 0, all: false });
  assert.deepEqual(decodeText('{"externalSetMarkChain":"KUBE-MARK-MASQ"}').masquerade, {
    ...{ kind: "chain", chain: "KUBE-MARK-MASQ", all: false },
  });
  assert.deepEqual(decodeText('{"snat":false,"externalSetMarkChain":"X"}').masquerade, { kind: "off" });
});

const refused: [text: string, code: number, msg: string | RegExp][] = [
  ['{"backend":"nftables"}', 2, 'unsupported "backend": "nftables"'],
  ['{"Backend":"nftables","markMasqBit":99}', 2, 'unsupported "Backend": "nftables"'],
  ['{"backend":"IPTABLES"}', 7, 'unrecognized backend "IPTABLES"'],
  ['{"backend":""}', 7, 'unrecognized backend ""'],
  ['{"backend":5}', 6, /backend/],
  ['{"markMasqBit":-1}', 7, "MasqMarkBit must be between 0 and 31"],
  ['{"markMasqBit":32}', 7, "MasqMarkBit must be between 0 and 31"],
  ['{"markMasqBit":5.0}', 6, /markMasqBit/],
  ['{"markMasqBit":5,"externalSetMarkChain":"X"}', 7, "Cannot specify externalSetMarkChain and markMasqBit"],
  ['{"snat":"true"}', 6, /snat/],
  ['{"conditionsV4":"-s 10.0.0.1"}', 6, /conditionsV4/],
  [
    '{"conditionsV4":["ip","saddr"]}',
    7,
    "iptables backend was requested but configuration contains nftables-specific options [conditionsV4]",
  ],
  ['{"conditionsV6":["-s","a\\u0000b"]}', 7, /control character in conditionsV6/],
  ['{"runtimeConfig":{"portMappings":{}}}', 6, /portMappings/],
  ['{"runtimeConfig":{"portMappings":[{"hostPort":"1"}]}}', 6, /hostPort/],
  ...["", "-X", "!X", "a b", "a\\nb", "x".repeat(29)].map((chain): [string, number, RegExp] => [
    `{"externalSetMarkChain":"${chain}"}`,
    7,
    /invalid externalSetMarkChain/,
  ]),
];

for (const [text, code, msg] of refused) {
  test(`refused: ${text.slice(0, 80)}`, () => {
    const error = refusal(text);
    assert.equal(error.code, code);
    if (typeof msg === "string") assert.equal(error.message, msg);
    else assert.match(error.message, msg);
    assert.notEqual(error.details, "");
  });
}

test("DEL only needs a backend that is there", () => {
  for (const [text] of refused.filter(([, code]) => code !== 2)) decodeText(text, "DEL");
  assert.equal(refusal('{"backend":"nftables"}', "DEL").code, 2);
});

test("conditions that begin like arguments of iptables, or with nothing, are iptables'", () => {
  const { conditions } = decodeText('{"conditionsV4":["!","-d","1.2.3.4"],"conditionsV6":["","x"]}');
  assert.deepEqual(conditions, { 4: ["!", "-d", "1.2.3.4"], 6: ["", "x"] });
});
