import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeMessage, encodeMethodCall, type MethodCall, messageBytes, prefixBytes } from "./message.ts";
import { Reader } from "./reader.ts";
import { splitSignature } from "./signature.ts";
import { WireError } from "./wire-error.ts";

// Golden bytes: GLib's (Gio.DBusMessage.to_blob).
const hello =
  "6c01000100000000010000006e00000001016f00150000002f6f72672f667265656465736b746f702f4442757300000002017300140000006f7267" +
  "2e667265656465736b746f702e444275730000000006017300140000006f72672e667265656465736b746f702e4442757300000000030173000500" +
  "000048656c6c6f000000";
const addSource =
  "6c0102011c000000020000009a00000001016f001d0000002f6f72672f6665646f726170726f6a6563742f4669726577616c6c4431000000020173" +
  "00210000006f72672e6665646f726170726f6a6563742e4669726577616c6c44312e7a6f6e6500000000000000060173001c0000006f72672e6665" +
  "646f726170726f6a6563742e4669726577616c6c44310000000008016700027373000301730009000000616464536f757263650000000000000007" +
  "00000074727573746564000b00000031302e302e302e322f333200";
const yes = {
  little:
    "6c02010104000000070000002000000007017300040000003a312e30000000000801670001620000050175000200000001000000",
  big:
    "4202010100000004000000070000002007017300000000043a312e3000000000080167000162000005017500000000020000000" +
    "1",
};
const error = {
  little:
    "6c0301013f000000080000004000000004017300260000006f72672e6665646f726170726f6a6563742e4669726577616c6c44312e457863657074" +
    "696f6e0000080167000173000005017500020000003a0000005a4f4e455f414c52454144595f5345543a202731302e302e302e322f333227206" +
    "16c726561647920626f756e6420746f2027747275737465642700",
  big:
    "420301010000003f000000080000004004017300000000266f72672e6665646f726170726f6a6563742e4669726577616c6c44312e457863657074" +
    "696f6e0000080167000173000005017500000000020000003a5a4f4e455f414c52454144595f5345543a202731302e302e302e322f333227206" +
    "16c726561647920626f756e6420746f2027747275737465642700",
};
const list = {
  little:
    "6c02010124000000090000001000000008016700026173000501750002000000200000000b00000031302e302e302e322f3332000b000000313" +
    "02e302e302e332f333200",
  big:
    "42020101000000240000000900000010080167000261730005017500000000020000002000" +
    "00000b31302e302e302e322f3332000000000b31302e302e302e332f333200",
};
const all = {
  little:
    "6c020101780000000a00000028000000080167001779626e716975787464736f67617b73767d28737529617600000000050175000200000001" +
    "00000001000000feff0300fcffffff0500000000000000faffffffffffffff0700000000000000000000000000f83f02000000c3a900000200" +
    "00002f6100026173000010000000010000006b00016900000000080000000100000078000000090000001000000001740000000000000a0000" +
    "0000000000",
  big:
    "42020101000000780000000a00000028080167001779626e716975787464736f67617b73767d287375296176000000000501750000000002010" +
    "0000000000001fffe0003fffffffc0000000500000000fffffffffffffffa00000000000000073ff800000000000000000002c3a90000000000" +
    "022f6100026173000000000010000000016b000169000000000000000800000001780000000000000900000010017400000000000000000000" +
    "0000000a",
};

const bytesOf = (hex: string): Buffer => Buffer.from(hex, "hex");

const bus = {
  destination: "org.freedesktop.DBus",
  path: "/org/freedesktop/DBus",
  interface: "org.freedesktop.DBus",
};
const firewalld: MethodCall = {
  destination: "org.fedoraproject.FirewallD1",
  path: "/org/fedoraproject/FirewallD1",
  interface: "org.fedoraproject.FirewallD1.zone",
  member: "addSource",
  args: ["trusted", "10.0.0.2/32"],
};

test("calls have the bytes that GLib gives them", () => {
  assert.equal(
    Buffer.from(encodeMethodCall(1, { ...bus, member: "Hello", args: [] })).toString("hex"),
    hello,
  );
  assert.equal(
    Buffer.from(encodeMethodCall(2, { ...firewalld, noAutoStart: true })).toString("hex"),
    addSource,
  );
});

for (const order of ["little", "big"] as const) {
  test(`replies of GLib, ${order}-endian`, () => {
    const reply = { type: 2, replySerial: 2, errorName: undefined };
    assert.deepEqual(decodeMessage(bytesOf(yes[order])), { ...reply, serial: 7, body: [true] });
    assert.deepEqual(decodeMessage(bytesOf(list[order])), {
      ...reply,
      serial: 9,
      body: [["10.0.0.2/32", "10.0.0.3/32"]],
    });
    assert.deepEqual(decodeMessage(bytesOf(error[order])), {
      ...{ type: 3, serial: 8, replySerial: 2, errorName: "org.fedoraproject.FirewallD1.Exception" },
      body: ["ZONE_ALREADY_SET: '10.0.0.2/32' already bound to 'trusted'"],
    });
    assert.deepEqual(decodeMessage(bytesOf(all[order])), {
      ...{ ...reply, serial: 10 },
      body: [1, true, -2, 3, -4, 5, -6n, 7n, 1.5, "é", "/a", "as", [["k", 8]], ["x", 9], [10n]],
    });
  });
}

test("a call's arguments come out as they went in", () => {
  const text = fc.string({ unit: "binary" }).filter((one) => !one.includes("\0"));
  const serials = fc.integer({ min: 1, max: 0xffff_ffff });
  fc.assert(
    fc.property(serials, fc.array(text, { maxLength: 4 }), (serial, args) => {
      const bytes = encodeMethodCall(serial, { ...firewalld, args });
      assert.equal(messageBytes(bytes.slice(0, prefixBytes)), bytes.length);
      const decoded = decodeMessage(bytes);
      assert.deepEqual([decoded.type, decoded.serial, decoded.body], [1, serial, args]);
    }),
  );
});

test("a text with a zero byte is refused", () => {
  assert.throws(() => encodeMethodCall(1, { ...firewalld, args: ["a\0b"] }), WireError);
});

test("bytes that are no message are refused, whatever they are", () => {
  const golden = [hello, addSource, yes.little, yes.big, error.little, list.big, all.little, all.big].map(
    bytesOf,
  );
  const refused = (bytes: Uint8Array): void => {
    try {
      decodeMessage(bytes);
    } catch (thrown) {
      assert.ok(thrown instanceof WireError, String(thrown));
    }
  };
  for (const bytes of golden) {
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => decodeMessage(bytes.subarray(0, length)), WireError);
    }
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), refused));
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.constantFrom(...golden), changes, (bytes, list) => {
      const changed = Uint8Array.from(bytes);
      for (const [at, value] of list) changed[at % changed.length] = value;
      refused(changed);
    }),
    { numRuns: 2000 },
  );
});

test("a message of gigabytes is not waited for", () => {
  const bytes = bytesOf(yes.little);
  bytes.writeUInt32LE(0x7fff_ffff, 4);
  assert.throws(() => messageBytes(bytes), /a message of 2147483\d+ bytes/);
});

test("signatures", () => {
  assert.deepEqual(splitSignature("sa{sv}(ia(uu))ag"), ["s", "a{sv}", "(ia(uu))", "ag"]);
  for (const bad of ["a", "(", "(s", "()", "{sv", "z", "s)", `${"a".repeat(100)}s`, "(".repeat(100)]) {
    assert.throws(() => splitSignature(bad), WireError, bad);
  }
});

test("variants in variants end somewhere", () => {
  const deep = Buffer.from(`${"\x01v\0".repeat(100)}\x01y\0\x05`, "latin1");
  assert.throws(() => new Reader(deep, true).value("v"), /nested too deeply/);
});
