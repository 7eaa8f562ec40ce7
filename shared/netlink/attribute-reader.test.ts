import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Attributes, ByteReader, DecodeError, eachAttribute } from "./attribute-reader.ts";
import { AttributeWriter } from "./attribute-writer.ts";

function hex(text: string): Uint8Array {
  return Buffer.from(text.replaceAll(" ", ""), "hex");
}

// struct nlattr (linux/netlink.h): length with header, type, value, padding to four bytes.
const bytes = hex(
  `
  0500 0100 2a000000
  0600 0200 12340000
  0800 0300 12345678
  0800 0400 feffffff
  0900 0500 6369303000 000000
  0400 0600
  0c00 0780 0800 0100 01020304
`.replaceAll("\n", ""),
);

const readings = ["u8", "u16", "u16be", "u32", "u32be", "i32", "text", "nested", "bytes"] as const;

test("attributes are found by their type", () => {
  const attributes = new Attributes(bytes);
  assert.equal(attributes.u8(1), 0x2a);
  assert.equal(attributes.u16(2), 0x3412);
  assert.equal(attributes.u16be(2), 0x1234);
  assert.equal(attributes.u32(3), 0x78563412);
  assert.equal(attributes.u32be(3), 0x12345678);
  assert.equal(attributes.u32(4), 0xfffffffe);
  assert.equal(attributes.i32(4), -2);
  assert.equal(attributes.text(5), "ci00");
  assert.deepEqual([...(attributes.bytes(5) ?? [])], [...Buffer.from("ci00\0")]);
  assert.ok(attributes.has(6));
  assert.deepEqual(attributes.bytes(6)?.length, 0);
});

test("the flags in a type (nested, big-endian) do not belong to it", () => {
  assert.equal(new Attributes(bytes).nested(7)?.u32be(1), 0x01020304);
  assert.equal(new Attributes(hex("0800 0140 00000007")).u32be(1), 7);
});

test("what is missing is undefined, whatever it is read as", () => {
  const attributes = new Attributes(new Uint8Array());
  assert.ok(!attributes.has(1));
  for (const read of readings) assert.equal(attributes[read](1), undefined);
});

test("text ends at the zero byte, or with the attribute; bytes that are no text harm nobody", () => {
  assert.equal(new Attributes(hex("0800 0100 61006263")).text(1), "a");
  assert.equal(new Attributes(hex("0700 0100 616263 00")).text(1), "abc");
  assert.equal(new Attributes(hex("0400 0100")).text(1), "");
  assert.equal(new Attributes(hex("0600 0100 ff00")).text(1), "\ufffd");
});

test("of a repeated type the last counts; a list keeps them all in order", () => {
  const list = hex("0500 0100 01000000 0500 0200 02000000 0500 0100 03000000");
  assert.equal(new Attributes(list).u8(1), 3);
  assert.deepEqual(
    [...eachAttribute(list)].map(({ type, value }) => [type, ...value]),
    [
      [1, 1],
      [2, 2],
      [1, 3],
    ],
  );
});

test("the last attribute may lack its padding", () => {
  assert.equal(new Attributes(hex("0500 0100 2a")).u8(1), 0x2a);
});

test("lengths that do not fit are refused", () => {
  for (const text of ["0300 0100", "0000 0100", "0900 0100 01020304", "ffff 0100 01020304"]) {
    assert.throws(() => new Attributes(hex(text)), DecodeError, text);
  }
});

test("a number of another width than it is read as is refused", () => {
  const attributes = new Attributes(hex("0600 0100 0102 0000 0800 0200 01020304 0500 0300 01 000000"));
  for (const read of ["u32", "u32be", "i32"] as const) {
    assert.throws(() => attributes[read](1), DecodeError, read);
    assert.equal(typeof attributes[read](2), "number");
  }
  for (const read of ["u16", "u16be"] as const) {
    for (const type of [2, 3]) assert.throws(() => attributes[read](type), DecodeError, read);
    assert.equal(typeof attributes[read](1), "number");
  }
  assert.throws(() => attributes.u8(1), /attribute 1 of 2 bytes instead of 1/);
  assert.equal(attributes.u8(3), 1);
});

test("a value too short for what it is read as is refused", () => {
  const attributes = new Attributes(hex("0700 0100 010203 00 0400 0200"));
  assert.throws(() => attributes.u32(1), DecodeError);
  assert.throws(() => attributes.i32(1), DecodeError);
  assert.throws(() => attributes.u32be(1), DecodeError);
  for (const read of ["u8", "u16", "u16be"] as const) assert.throws(() => attributes[read](2), DecodeError);
});

test("reading outside of the bytes is refused, also where the buffer beneath goes on", () => {
  const reader = new ByteReader(Uint8Array.from([9, 1, 2, 3, 4, 9, 9, 9, 9]).subarray(1, 5));
  assert.equal(reader.u32be(0), 0x01020304);
  assert.equal(reader.u8(3), 4);
  for (const read of [
    () => reader.u8(4),
    () => reader.u8(-1),
    () => reader.u16(3),
    () => reader.u16be(-1),
    () => reader.u32(1),
    () => reader.u32be(4),
    () => reader.i32(1),
    () => reader.slice(0, 5),
    () => reader.slice(-1, 2),
    () => reader.slice(3, 2),
  ]) {
    assert.throws(read, DecodeError);
  }
  assert.deepEqual([...reader.slice(1, 3)], [2, 3]);
  assert.equal(reader.slice(4, 4).length, 0);
});

test("every beginning of attributes is read or refused with DecodeError", () => {
  for (let length = 0; length < bytes.length; length++) {
    readEverything(bytes.subarray(0, length));
  }
});

test("any bytes are read or refused with DecodeError", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), readEverything));
  // Plausible lengths lead further in.
  const attribute = fc.tuple(fc.integer({ min: 0, max: 12 }), fc.uint8Array({ minLength: 7, maxLength: 7 }));
  fc.assert(
    fc.property(fc.array(attribute), (parts) =>
      readEverything(Uint8Array.from(parts.flatMap(([length, rest]) => [length, 0, ...rest.subarray(1)]))),
    ),
  );
});

test("what was written is read", () => {
  const values = fc.array(fc.tuple(fc.integer({ min: 0, max: 0x3fff }), fc.uint8Array({ maxLength: 300 })));
  fc.assert(
    fc.property(values, (written) => {
      const writer = new AttributeWriter();
      for (const [type, value] of written) writer.bytes(type, value);
      const read = [...eachAttribute(writer.finish())].map(({ type, value }) => [type, [...value]]);
      assert.deepEqual(
        read,
        written.map(([type, value]) => [type, [...value]]),
      );
    }),
  );
});

/** Reads all there is in every way. Only DecodeError is expected; any other error comes through. */
function readEverything(input: Uint8Array): void {
  const attempt = (work: () => unknown) => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
  };
  attempt(() => {
    const attributes = new Attributes(input);
    for (const { type } of eachAttribute(input)) {
      for (const read of readings) {
        attempt(() => attributes[read](type));
      }
    }
  });
}
