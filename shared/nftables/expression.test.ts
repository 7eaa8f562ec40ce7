import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DecodeError } from "../netlink/attribute-reader.ts";
import { AttributeWriter } from "../netlink/attribute-writer.ts";
import type { Verdict } from "./data.ts";
import { decodeExpression, type Expression, encodeExpression } from "./expression.ts";
import { sameRule } from "./rule.ts";

function encode(expression: Expression): Uint8Array {
  const writer = new AttributeWriter();
  encodeExpression(writer, expression);
  return writer.finish();
}

const register = fc.nat({ max: 15 });
const value = fc.uint8Array({ minLength: 1, maxLength: 64 });
const u32 = fc.nat({ max: 0xffff_ffff });
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const name = fc.string({ minLength: 1, maxLength: 40 }).filter((text) => !text.includes("\0"));
const record = <Fields extends object>(fields: { [Name in keyof Fields]: fc.Arbitrary<Fields[Name]> }) =>
  fc.record(fields, { noNullPrototype: true });

const verdict: fc.Arbitrary<Verdict> = fc.oneof(
  record({ kind: fc.constantFrom("accept", "drop", "return", "continue", "break") }),
  record({ kind: fc.constantFrom("jump", "goto"), chain: name }),
);

const expressions: fc.Arbitrary<Expression> = fc.oneof(
  record({ kind: fc.constant("bitwise"), source: register, destination: register, mask: value, xor: value }),
  record({
    kind: fc.constant("cmp"),
    operator: fc.constantFrom("==", "!=", "<", "<=", ">", ">="),
    register,
    value,
  }),
  record({ kind: fc.constant("counter"), bytes: u64, packets: u64 }),
  record({
    kind: fc.constantFrom("ct", "set ct"),
    key: fc.constantFrom("state", "direction", "status", "mark"),
    register,
  }),
  record({
    kind: fc.constant("fib"),
    result: fc.constantFrom("oif", "oifname", "type"),
    flags: u32,
    register,
  }),
  record({ kind: fc.constant("immediate"), register, value }),
  record({ kind: fc.constant("verdict"), verdict }),
  record({ kind: fc.constant("lookup"), set: name, register, inverted: fc.boolean() }),
  record({
    kind: fc.constant("lookup"),
    set: name,
    register,
    inverted: fc.constant(false),
    destination: fc.oneof(register, fc.constant("verdict" as const)),
  }),
  record({ kind: fc.constant("masq"), flags: u32 }),
  record({
    kind: fc.constantFrom("meta", "set meta"),
    key: fc.constantFrom(
      "protocol",
      "mark",
      "iif",
      "oif",
      "iifname",
      "oifname",
      "iiftype",
      "nfproto",
      "l4proto",
      "ibrname",
      "obrname",
      "pkttype",
    ),
    register,
  }),
  record({
    kind: fc.constantFrom("snat", "dnat"),
    family: fc.constantFrom(4, 6),
    address: register,
    port: register,
    flags: u32.map((flags) => (flags & ~3) >>> 0),
  }),
  record({
    kind: fc.constant("dnat"),
    family: fc.constantFrom(4, 6),
    address: register,
    flags: fc.constant(0),
  }),
  record({
    kind: fc.constant("payload"),
    base: fc.constantFrom("link", "network", "transport"),
    offset: u32,
    length: u32,
    register,
  }),
  record({ kind: fc.constant("unknown"), name: fc.constantFrom("quota", "limit"), data: value }),
);

test("what is written is read again", () => {
  fc.assert(
    fc.property(expressions, (expression) =>
      assert.deepEqual(decodeExpression(encode(expression)), expression),
    ),
  );
});

test("a flag in the highest bit stays a positive number", () => {
  const expression = { kind: "snat", family: 4, address: 0, port: 0, flags: 2 ** 31 } as const;
  assert.deepEqual(decodeExpression(encode(expression)), expression);
});

test("cut or scrambled bytes never do worse than a DecodeError", () => {
  fc.assert(
    fc.property(expressions, fc.nat(), fc.nat(), fc.nat({ max: 255 }), (expression, cut, place, byte) => {
      const whole = encode(expression);
      const bytes = whole.slice(0, whole.length - (cut % whole.length));
      bytes[place % bytes.length] = byte;
      try {
        decodeExpression(bytes);
      } catch (error) {
        assert.ok(error instanceof DecodeError, String(error));
      }
    }),
  );
});

test("an attribute that is not understood makes the expression an unknown one", () => {
  // masq with a range of ports (NFTA_MASQ_REG_PROTO_MIN)
  const bytes = new AttributeWriter()
    .text(1, "masq")
    .nested(2, (data) => data.u32be(2, 1))
    .finish();
  const expression = decodeExpression(bytes);
  assert.equal(expression.kind, "unknown");
  assert.equal(sameRule({ expressions: [expression] }, { expressions: [{ kind: "masq", flags: 0 }] }), false);
});

test("rules are the same whatever their counters have counted", () => {
  const rule = (packets: bigint, comment?: string) => ({
    expressions: [{ kind: "counter", bytes: packets * 100n, packets } as const],
    ...(comment === undefined ? {} : { comment }),
  });
  assert.ok(sameRule(rule(0n), rule(7n)));
  assert.ok(!sameRule(rule(0n), rule(0n, "another")));
});
