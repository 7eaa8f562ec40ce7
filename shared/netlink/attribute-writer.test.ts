import assert from "node:assert/strict";
import { test } from "node:test";
import { AttributeWriter } from "./attribute-writer.ts";

function written(fill: (writer: AttributeWriter) => void): string {
  const writer = new AttributeWriter();
  fill(writer);
  return Buffer.from(writer.finish()).toString("hex");
}

function hex(text: string): string {
  return text.replaceAll(" ", "");
}

// struct nlattr (linux/netlink.h): length with header but without padding, type, value, padding to four bytes.
test("numbers are padded to four bytes", () => {
  assert.equal(
    written((w) => w.u8(1, 0x2a)),
    hex("0500 0100 2a000000"),
  );
  assert.equal(
    written((w) => w.u16(2, 0x1234)),
    hex("0600 0200 3412 0000"),
  );
  assert.equal(
    written((w) => w.u16be(2, 0x1234)),
    hex("0600 0200 1234 0000"),
  );
  assert.equal(
    written((w) => w.u32(3, 0x12345678)),
    hex("0800 0300 78563412"),
  );
  assert.equal(
    written((w) => w.u32be(3, 0x12345678)),
    hex("0800 0300 12345678"),
  );
  assert.equal(
    written((w) => w.u32(3, -2)),
    hex("0800 0300 feffffff"),
  );
  assert.equal(
    written((w) => w.u32(3, 0xffff_ffff)),
    hex("0800 0300 ffffffff"),
  );
});

test("text ends with a zero byte, counted in the length", () => {
  assert.equal(
    written((w) => w.text(3, "lo")),
    hex("0700 0300 6c6f00 00"),
  );
  assert.equal(
    written((w) => w.text(3, "eth0")),
    hex("0900 0300 6574683000 000000"),
  );
  assert.equal(
    written((w) => w.text(3, "ü")),
    hex("0700 0300 c3bc00 00"),
  );
});

test("flags have no value, bytes are taken as they are", () => {
  assert.equal(
    written((w) => w.flag(9).bytes(1, Uint8Array.of(1, 2, 3))),
    hex("0400 0900 0700 0100 010203 00"),
  );
});

test("a fixed header comes first and is padded", () => {
  assert.equal(
    written((w) => w.raw(Uint8Array.of(2, 24, 0, 0, 1)).u8(1, 7)),
    hex("02180000 01000000 0500 0100 07000000"),
  );
});

test("a nested attribute has the nested flag and its inner attributes, padded, as value", () => {
  // IFLA_LINKINFO { IFLA_INFO_KIND "veth", IFLA_INFO_DATA { VETH_INFO_PEER {} } }
  const linkInfo = written((w) =>
    w.nested(18, (info) => info.text(1, "veth").nested(2, (data) => data.nested(1, () => {}))),
  );
  assert.equal(linkInfo, hex("1800 1280 0900 0100 7665746800 000000 0800 0280 0400 0180"));
});

test("it grows, and what is written keeps its place", () => {
  const long = new Uint8Array(1000).fill(0xab);
  const bytes = new AttributeWriter().u8(1, 1).bytes(2, long).u8(3, 3).finish();
  assert.equal(
    Buffer.from(bytes).toString("hex"),
    hex(`0500 0100 01000000 ec03 0200 ${"ab".repeat(1000)} 0500 0300 03000000`),
  );
  const many = new AttributeWriter();
  for (let index = 0; index < 1000; index++) many.u32(index, index);
  assert.equal(many.finish().length, 8000);
});

test("a value longer than the format can tell is refused, not cut", () => {
  assert.equal(new AttributeWriter().bytes(1, new Uint8Array(65531)).finish().length, 65536);
  assert.throws(() => new AttributeWriter().bytes(1, new Uint8Array(65532)), RangeError);
  assert.throws(() => new AttributeWriter().text(1, "x".repeat(65531)), RangeError);
});
