import assert from "node:assert/strict";
import { test } from "node:test";
import { formatMac, parseMac, randomMac } from "./hardware-address.ts";

// What Go's net.ParseMAC takes and refuses, https://pkg.go.dev/net#ParseMAC.
const accepted: readonly (readonly [string, string])[] = [
  ["00:00:5e:00:53:01", "00:00:5e:00:53:01"],
  ["00-00-5e-00-53-01", "00:00:5e:00:53:01"],
  ["0000.5e00.5301", "00:00:5e:00:53:01"],
  ["00005e005301", "00:00:5e:00:53:01"],
  ["C2b0574947F1", "c2:b0:57:49:47:f1"],
  ["02005e1000000001", "02:00:5e:10:00:00:00:01"],
  ["ab:cd:ef:AB:CD:EF", "ab:cd:ef:ab:cd:ef"],
  ["AbCd.eFaB.CDEF", "ab:cd:ef:ab:cd:ef"],
  ["02:00:5e:10:00:00:00:01", "02:00:5e:10:00:00:00:01"],
  ["02-00-5e-10-00-00-00-01", "02:00:5e:10:00:00:00:01"],
  ["0200.5e10.0000.0001", "02:00:5e:10:00:00:00:01"],
  [
    "00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01",
    "00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01",
  ],
  [
    "0000.0000.fe80.0000.0000.0000.0200.5e10.0000.0001",
    "00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01",
  ],
];

for (const [text, bytes] of accepted) {
  test(`${text} is a hardware address`, () => {
    assert.equal(formatMac(parseMac(text) ?? new Uint8Array()), bytes);
  });
}

const refused = [
  "",
  "0",
  "02:00:00:00:00",
  "c2b0574947f",
  "c2b0574947f1a",
  "c2b0574947f1:",
  "c2b057:4947f1",
  "c2b0574947fg",
  "c2b0574947f1c2",
  "02:00:00:00:00:00:01",
  "01.02.03.04.05.06",
  "01:02:03:04:05:06:",
  ":01:02:03:04:05:06",
  "x1:02:03:04:05:06",
  "01:02:03:04:05:0g",
  "1:2:3:4:5:6",
  "01002:03:04:05:06",
  "01:02003:04:05:06",
  "01:02:03:04:05006",
  "01-02:03:04:05:06",
  "01:02-03-04-05-06",
  "0123:4567:89AF",
  "0123-4567-89AF",
  "0123.4567-89AF",
  "0123.4567.89AF.",
  "0123.4567",
  "0102030405 06",
  " 01:02:03:04:05:06",
  "01:02:03:04:05:06\n",
  "０1:02:03:04:05:06",
  "01::03:04:05:06",
];

for (const text of refused) {
  test(`${JSON.stringify(text)} is none`, () => {
    assert.equal(parseMac(text), undefined);
  });
}

test("a new address is one interface's, for everybody's own use, and another one each time", () => {
  const some = Array.from({ length: 100 }, randomMac);
  assert.equal(new Set(some.map(formatMac)).size, 100);
  for (const bytes of some) assert.deepEqual([bytes.length, (bytes[0] ?? 0) & 3], [6, 2]);
});
