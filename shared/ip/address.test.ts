import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  formatIp,
  type IpAddress,
  ipFromBytes,
  ipToBytes,
  isLinkLocal,
  isLoopback,
  isUnspecified,
  offsetIp,
  parseIp,
  sameIp,
} from "./address.ts";

const four = fc
  .integer({ min: 0, max: 2 ** 32 - 1 })
  .map((value): IpAddress => ({ family: 4, value: BigInt(value) }));
// Few groups that are not 0, so that there is something to compress.
const six = fc
  .array(fc.oneof(fc.constant(0), fc.constant(0), fc.integer({ min: 0, max: 0xffff })), {
    minLength: 8,
    maxLength: 8,
  })
  .map((groups): IpAddress => {
    const value = groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n);
    return { family: 6, value };
  })
  .filter(({ value }) => value >> 32n !== 0xffffn);

test("no address is longer than one of IPv6 with a dotted quad at its end", () => {
  assert.ok(parseIp("2001:0db8:0000:0000:0000:0000:255.255.255.255") !== undefined);
  for (const text of ["0:".repeat(100_000), "f".repeat(1_000_000), `::${"0".repeat(1_000_000)}`]) {
    assert.equal(parseIp(text), undefined);
  }
});

test("text and address are the same in both directions", () => {
  fc.assert(fc.property(fc.oneof(four, six), (ip) => assert.deepEqual(parseIp(formatIp(ip)), ip)));
});

test("bytes and address are the same in both directions", () => {
  fc.assert(fc.property(fc.oneof(four, six), (ip) => assert.deepEqual(ipFromBytes(ipToBytes(ip)), ip)));
  assert.deepEqual(ipToBytes({ family: 4, value: 0x0a000001n }), Uint8Array.of(10, 0, 0, 1));
  assert.equal(ipFromBytes(new Uint8Array(5)), undefined);
});

test("IPv6 text is what a URL's host shows (RFC 5952 and the URL standard agree)", () => {
  fc.assert(
    fc.property(six, (ip) => {
      const groups = Array.from(
        { length: 8 },
        (_, index) => (ip.value >> BigInt(112 - 16 * index)) & 0xffffn,
      );
      const long = groups.map((group) => group.toString(16).padStart(4, "0")).join(":");
      assert.equal(formatIp(ip), new URL(`http://[${long}]/`).hostname.slice(1, -1));
    }),
  );
});

test("forms that are accepted, and their canonical text", () => {
  const cases = {
    "0.0.0.0": "0.0.0.0",
    "255.255.255.255": "255.255.255.255",
    "::": "::",
    "2001:DB8:0::5": "2001:db8::5",
    "::ffff:1.2.3.4": "1.2.3.4",
    "::FFFF:0102:0304": "1.2.3.4",
    "::1.2.3.4": "::102:304",
    "1:2:3:4:5:6:7::": "1:2:3:4:5:6:7:0",
    "0001:0:0:0:0:0:0:1": "1::1",
  };
  for (const [text, wanted] of Object.entries(cases)) {
    const ip = parseIp(text);
    assert.ok(ip, text);
    assert.equal(formatIp(ip), wanted);
  }
});

test("forms that are refused", () => {
  const mistakes = [
    ..."1.2.3 1.2.3.4.5 1.2.3.4. 256.1.1.1 010.0.0.1 1.2.3.04 0x1.2.3.4 1.2.3.4/24 1..2.3 -1.2.3.4".split(
      " ",
    ),
    ..."1::2::3 ::: 12345:: 1:2:3:4:5:6:7 1:2:3:4:5:6:7:8:9 fe80::1%eth0 ::g ::1/64 ::1.2.3 [::1]".split(" "),
    "",
    " 1.2.3.4",
    "1.2.3.4\n",
    "localhost",
  ];
  for (const text of mistakes) assert.equal(parseIp(text), undefined, JSON.stringify(text));
});

test("what kind of address it is", () => {
  const kinds: [string, (ip: IpAddress) => boolean, boolean][] = [
    ["127.0.0.2", isLoopback, true],
    ["::1", isLoopback, true],
    ["128.0.0.1", isLoopback, false],
    ["::2", isLoopback, false],
    ["::127.0.0.1", isLoopback, false],
    ["fe80::1", isLinkLocal, true],
    ["febf::1", isLinkLocal, true],
    ["fec0::1", isLinkLocal, false],
    ["169.254.9.9", isLinkLocal, true],
    ["169.253.9.9", isLinkLocal, false],
    ["0.0.0.0", isUnspecified, true],
    ["::", isUnspecified, true],
    ["::1", isUnspecified, false],
  ];
  for (const [text, kind, wanted] of kinds) {
    const ip = parseIp(text);
    assert.ok(ip, text);
    assert.equal(kind(ip), wanted, `${kind.name} ${text}`);
  }
});

test("families are never the same", () => {
  assert.equal(sameIp({ family: 4, value: 1n }, { family: 6, value: 1n }), false);
  assert.equal(formatIp(offsetIp({ family: 4, value: 0x0a0000ffn }, 1n)), "10.0.1.0");
});
