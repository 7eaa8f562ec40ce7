import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { formatIp, parseIp } from "../ip/address.ts";
import { DecodeError } from "../netlink/attribute-reader.ts";
import { AttributeWriter } from "../netlink/attribute-writer.ts";
import { addressTest, decodeEntry, type EntryFilter, encodeFilter, encodeKey } from "./entry.ts";

// Laid out as the kernel sends it, for udp 172.16.0.1:4000 → 192.0.2.7:5353, translated to 10.0.0.2:53.
const received = new AttributeWriter()
  .nested(1, (tuple) =>
    tuple
      .nested(1, (ip) => ip.bytes(1, Uint8Array.of(172, 16, 0, 1)).bytes(2, Uint8Array.of(192, 0, 2, 7)))
      .nested(2, (proto) => proto.u8(1, 17).u16be(2, 4000).u16be(3, 5353)),
  )
  .nested(2, (tuple) =>
    tuple
      .nested(1, (ip) => ip.bytes(1, Uint8Array.of(10, 0, 0, 2)).bytes(2, Uint8Array.of(172, 16, 0, 1)))
      .nested(2, (proto) => proto.u8(1, 17).u16be(2, 53).u16be(3, 4000)),
  )
  .u32be(3, 0x188)
  .u32be(12, 0x12345678)
  .u16be(18, 7)
  .finish();

test("an entry tells both directions", () => {
  const entry = decodeEntry(received);
  assert.ok(entry !== undefined);
  assert.equal(entry.protocol, 17);
  assert.equal(formatIp(entry.original.destination), "192.0.2.7");
  assert.equal(entry.original.destinationPort, 5353);
  assert.equal(formatIp(entry.reply.source), "10.0.0.2");
  assert.equal(entry.reply.sourcePort, 53);
});

test("an entry is deleted by its tuple, zone and id", () => {
  const entry = decodeEntry(received);
  assert.ok(entry !== undefined);
  const bytes = Buffer.from(encodeKey(entry.key));
  assert.ok(bytes.includes(Buffer.from([172, 16, 0, 1])));
  assert.ok(bytes.includes(Buffer.from([6, 0, 18, 0, 0, 7])), "zone");
  assert.ok(bytes.includes(Buffer.from([8, 0, 12, 0, 0x12, 0x34, 0x56, 0x78])), "id");
  assert.ok(!bytes.includes(Buffer.from([10, 0, 0, 2])), "the reply direction is not part of it");
});

test("entries without ports (ICMP) have port 0; what has no addresses is none", () => {
  const addresses = (ip: AttributeWriter) =>
    ip.bytes(1, Uint8Array.of(10, 0, 0, 2)).bytes(2, Uint8Array.of(192, 0, 2, 7));
  const tuple = (writer: AttributeWriter) =>
    writer.nested(1, addresses).nested(2, (proto) => proto.u8(1, 1).u16be(4, 77));
  const icmp = decodeEntry(new AttributeWriter().nested(1, tuple).nested(2, tuple).finish());
  assert.deepEqual([icmp?.protocol, icmp?.original.destinationPort], [1, 0]);
  assert.equal(
    decodeEntry(new AttributeWriter().nested(1, (t) => t.nested(2, (p) => p.u8(1, 1))).finish()),
    undefined,
  );
  assert.equal(decodeEntry(new Uint8Array()), undefined);
});

test("the quick test lets pass what a filter may mean, and no other address", () => {
  const [source, destination, answering] = ["172.16.0.1", "192.0.2.7", "10.0.0.2"].map((text) =>
    parseIp(text),
  );
  const other = parseIp("2001:db8::1");
  assert.ok(
    source !== undefined && destination !== undefined && answering !== undefined && other !== undefined,
  );
  const cases: [EntryFilter[], boolean][] = [
    [[{ source }], true],
    [[{ answeredBy: answering }], true],
    [[{ source: other }, { source }], true],
    [[{ source: other }, { protocol: 132 }], true],
    [[{ source: destination }, { source: answering }, { answeredBy: source }, { answeredBy: other }], false],
    [[], false],
  ];
  // As it comes: among others.
  const among = Buffer.concat([Buffer.alloc(20, 0xff), received, Buffer.alloc(20, 0xff)]);
  for (const [filters, expected] of cases) {
    assert.equal(
      addressTest(filters)(among, 20, 20 + received.length),
      expected,
      JSON.stringify(filters.length),
    );
  }
  for (let end = 20; end < 20 + received.length; end++) {
    assert.equal(addressTest([{ source: destination }])(among, 20, end), false);
  }
});

test("a filter names protocol and port", () => {
  assert.equal(
    Buffer.from(encodeFilter({ protocol: 17, destinationPort: 5353 })).toString("hex"),
    "18000180" +
      "14000280" +
      "0500010011000000" +
      "0600030014e90000" +
      "14001980" +
      "0800010028000000" +
      "0800020000000000",
  );
});

test("a filter names who made a connection or who answers it; none asks for everything", () => {
  const address = { family: 4, value: 0x0a000002n } as const;
  const ip = "0c000180" + "080001000a000002";
  const flags = (original: string, reply: string) => `14001980${"08000100"}${original}${"08000200"}${reply}`;
  const hex = (filter: Parameters<typeof encodeFilter>[0]) =>
    Buffer.from(encodeFilter(filter)).toString("hex");
  assert.equal(hex({ source: address }), `10000180${ip}${flags("01000000", "00000000")}`);
  assert.equal(hex({ answeredBy: address }), `10000280${ip}${flags("00000000", "01000000")}`);
  assert.equal(hex({}), "");
});

test("cut or scrambled bytes never do worse than a DecodeError", () => {
  fc.assert(
    fc.property(
      fc.nat({ max: received.length }),
      fc.nat({ max: received.length - 1 }),
      fc.nat({ max: 255 }),
      (end, at, value) => {
        const bytes = received.slice(0, end);
        if (at < end) bytes[at] = value;
        try {
          decodeEntry(bytes);
        } catch (error) {
          assert.ok(error instanceof DecodeError);
        }
      },
    ),
  );
});
