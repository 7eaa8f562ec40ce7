import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  concatenate,
  concatenatedLength,
  type DataType,
  formatValue,
  interfaceValue,
  markValue,
  portValue,
  protocolValue,
  splitConcatenation,
  typeLength,
  typeNumber,
  typesFromNumber,
} from "./data-type.ts";

const types = fc.array(
  fc.constantFrom<DataType>(
    "ipv4_addr",
    "ipv6_addr",
    "ether_addr",
    "inet_proto",
    "inet_service",
    "mark",
    "ifname",
  ),
  { minLength: 1, maxLength: 5 },
);

test("types, their number and their lengths", () => {
  fc.assert(fc.property(types, (list) => assert.deepEqual(typesFromNumber(typeNumber(list)), list)));
  // What nft 1.0.6 stores for `type ipv4_addr . inet_proto . inet_service`.
  assert.equal(typeNumber(["ipv4_addr", "inet_proto", "inet_service"]), 0x730d);
  assert.equal(concatenatedLength(["ipv4_addr", "inet_proto", "inet_service"]), 12);
  assert.equal(concatenatedLength(["ether_addr"]), 6);
  assert.equal(concatenatedLength(["ether_addr", "inet_proto"]), 12);
  assert.equal(typesFromNumber(0), undefined);
  assert.equal(typesFromNumber(63), undefined);
});

test("a concatenation is split into what it was made of", () => {
  const values = types.chain((list) =>
    fc.tuple(
      fc.constant(list),
      fc.tuple(
        ...list.map((type) => fc.uint8Array({ minLength: typeLength(type), maxLength: typeLength(type) })),
      ),
    ),
  );
  fc.assert(
    fc.property(values, ([list, parts]) =>
      assert.deepEqual(splitConcatenation(list, concatenate(...parts)), parts),
    ),
  );
});

test("keys for people", () => {
  const key = concatenate(Uint8Array.of(10, 0, 0, 2), protocolValue(6), portValue(8080));
  assert.equal(formatValue(["ipv4_addr", "inet_proto", "inet_service"], key), "10.0.0.2 . 6 . 8080");
  assert.equal(formatValue(["ifname"], interfaceValue("cni0")), '"cni0"');
  assert.equal(formatValue(["ether_addr"], Uint8Array.of(2, 0, 0, 0xab, 0, 1)), "02:00:00:ab:00:01");
  assert.equal(formatValue(["mark"], markValue(0x2000)), "0x00002000");
});

test("a name that no interface can have is refused", () => {
  assert.throws(() => interfaceValue(""), RangeError);
  assert.throws(() => interfaceValue("sixteen-letters-"), RangeError);
  assert.equal(interfaceValue("fifteen-letters")[15], 0);
});
