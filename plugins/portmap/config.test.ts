import assert from "node:assert/strict";
import { test } from "node:test";
import { CniError } from "../../shared/cni/errors/cni-error.ts";
import { isJsonObject, type JsonObject, readJson } from "../../shared/cni/json-read.ts";
import { type BackendName, configFor, decodeCleanUp, decodeConfig } from "./config.ts";
import { noConditions } from "./nftables/conditions.ts";

function documentOf(text: string): JsonObject {
  const document = readJson(text);
  assert.ok(isJsonObject(document));
  return document;
}

function decodeText(text: string, detected: BackendName = "iptables") {
  const decoded = decodeConfig({ document: documentOf(text) });
  return configFor(decoded, decoded.backend ?? detected);
}

function refusal(text: string): CniError {
  try {
    decodeText(text);
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
      backend: "iptables",
      isBackendFree: true,
      mappings: [],
      masquerade: { kind: "mark", bit: 13, all: false },
      conditions: { 4: [], 6: [] },
      nftConditions: { 4: noConditions, 6: noConditions },
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
  ['{"Backend":"nftables","markMasqBit":99}', 7, "MasqMarkBit must be between 0 and 31"],
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
  [
    '{"backend":"nftables","conditionsV4":["-s","10.0.0.1"],"conditionsV6":["!"],"externalSetMarkChain":"X"}',
    7,
    "nftables backend was requested but configuration contains iptables-specific options [externalSetMarkChain conditionsV4 conditionsV6]",
  ],
  [
    '{"backend":"foo","externalSetMarkChain":"X"}',
    7,
    "foo backend was requested but configuration contains iptables-specific options [externalSetMarkChain]",
  ],
  [
    '{"backend":"nftables","conditionsV4":["tcp","dport","80"]}',
    2,
    'unsupported condition in conditionsV4: "tcp dport 80"',
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

test("DEL needs no configuration", () => {
  for (const [text] of refused) assert.equal(decodeCleanUp({ document: documentOf(text) }), undefined);
});

test("without a backend the usable one is taken", () => {
  assert.equal(decodeText("{}", "nftables").backend, "nftables");
  assert.equal(decodeText('{"backend":null}').backend, "iptables");
  assert.equal(decodeText('{"backend":"nftables"}').isBackendFree, false);
  assert.throws(
    () => decodeText('{"conditionsV4":["-s","10.0.0.1"]}', "nftables"),
    /nftables backend was requested but configuration contains iptables-specific options \[conditionsV4\]/,
  );
});

test("conditions of nft are read for that backend only", () => {
  const { conditions, nftConditions } = decodeText(
    '{"backend":"nftables","conditionsV4":["ip","daddr","!=","192.0.2.0/24"]}',
  );
  assert.deepEqual(conditions, { 4: [], 6: [] });
  assert.equal(nftConditions[4].text, "ip daddr != 192.0.2.0/24");
  assert.equal(nftConditions[6].text, "");
});

test("conditions that begin like arguments of iptables, or with nothing, are iptables'", () => {
  const { conditions } = decodeText('{"conditionsV4":["!","-d","1.2.3.4"],"conditionsV6":["","x"]}');
  assert.deepEqual(conditions, { 4: ["!", "-d", "1.2.3.4"], 6: ["", "x"] });
});
