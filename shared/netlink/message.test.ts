import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DecodeError } from "./attribute-reader.ts";
import { decodeAcknowledgement, decodeMessages, encodeMessage, type Message } from "./message.ts";

function hex(text: string): Uint8Array {
  return Buffer.from(text.replaceAll(" ", ""), "hex");
}

/** The result, or undefined when `work` threw a DecodeError; any other error comes through. */
function unlessMalformed<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

// struct nlmsghdr: length, type, flags, sequence, port.
const link = "15000000 1000 0500 07000000 00000000 6162636465";

test("a message is a header and its body, padded to four bytes; the length counts no padding", () => {
  const message = { type: 16, flags: 5, sequence: 7, body: Buffer.from("abcde") };
  assert.deepEqual(Buffer.from(encodeMessage(message)), hex(`${link} 000000`));
  assert.deepEqual(
    Buffer.from(encodeMessage({ ...message, body: new Uint8Array() })),
    hex("10000000 1000 0500 07000000 00000000"),
  );
});

test("a datagram holds several messages; the last may lack its padding", () => {
  const decoded = decodeMessages(hex(`${link} 000000 14000000 0300 0200 08000000 2a000000 00000000`));
  assert.deepEqual(
    decoded.map(({ type, flags, sequence, body }) => [
      type,
      flags,
      sequence,
      Buffer.from(body).toString("hex"),
    ]),
    [
      [16, 5, 7, "6162636465"],
      [3, 2, 8, "00000000"],
    ],
  );
  assert.equal(decodeMessages(hex(link)).length, 1);
  assert.deepEqual(decodeMessages(new Uint8Array()), []);
});

test("lengths that do not fit are refused", () => {
  for (const text of [
    "0f000000 1000 0500 07000000 00000000",
    "00000000 1000 0500 07000000 00000000",
    "11000000 1000 0500 07000000 00000000",
    "ffffffff 1000 0500 07000000 00000000",
  ]) {
    assert.throws(() => decodeMessages(hex(text)), DecodeError, text);
  }
});

test("what was encoded is decoded, wherever its bytes lie in a larger buffer", () => {
  const anyMessage = fc.record({
    type: fc.integer({ min: 0, max: 0xffff }),
    flags: fc.integer({ min: 0, max: 0xffff }),
    sequence: fc.integer({ min: 0, max: 0xffff_ffff }),
    body: fc.uint8Array({ maxLength: 40 }),
  });
  fc.assert(
    fc.property(fc.array(anyMessage), fc.uint8Array({ maxLength: 9 }), (messages, before) => {
      const bytes = Buffer.concat([before, ...messages.map(encodeMessage)]).subarray(before.length);
      const plain = ({ type, flags, sequence, body }: Message) => [type, flags, sequence, [...body]];
      assert.deepEqual(decodeMessages(bytes).map(plain), messages.map(plain));
    }),
  );
});

test("any bytes are decoded or refused with DecodeError, and so is every beginning of them", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      for (const message of unlessMalformed(() => decodeMessages(bytes)) ?? []) {
        unlessMalformed(() => decodeAcknowledgement(message));
      }
    }),
  );
  const datagram = hex(`${link} 000000 ${link} 000000`);
  for (let length = 0; length <= datagram.length; length++) {
    const decoded = unlessMalformed(() => decodeMessages(datagram.subarray(0, length)));
    assert.ok(decoded === undefined || decoded.length * 24 <= length + 3);
  }
});

const ERROR = 2;
const DONE = 3;
const CAPPED = 0x100;
const TLVS = 0x200;

function acknowledge(type: number, flags: number, body: string) {
  return decodeAcknowledgement({ type, flags, sequence: 1, body: hex(body) });
}

// struct nlmsgerr: the negated errno and the header of the request, here of 0x16 bytes: 6 more than the header.
const refused = "efffffff 16000000 1000 0506 01000000 00000000";
// NLMSGERR_ATTR_MSG "no", NLMSGERR_ATTR_OFFS 4.
const explained = "07000100 6e6f0000 08000200 04000000";

test("an acknowledgement tells the errno", () => {
  assert.deepEqual(acknowledge(ERROR, 0, `00000000 ${refused.slice(9)}`), { errno: 0, explanation: "" });
  assert.deepEqual(acknowledge(ERROR, 0, `${refused} 616263646566 0000`), { errno: 17, explanation: "" });
  assert.deepEqual(acknowledge(ERROR, CAPPED, refused), { errno: 17, explanation: "" });
});

test("the kernel's words follow the request's header when that was capped", () => {
  assert.deepEqual(acknowledge(ERROR, CAPPED | TLVS, `${refused} ${explained}`), {
    errno: 17,
    explanation: "no",
  });
});

test("the kernel's words follow the whole request, padded, when it was not capped", () => {
  assert.deepEqual(acknowledge(ERROR, TLVS, `${refused} 616263646566 0000 ${explained}`), {
    errno: 17,
    explanation: "no",
  });
});

test("a successful request may have a warning", () => {
  const done = `00000000 ${refused.slice(9)} ${explained}`;
  assert.deepEqual(acknowledge(ERROR, CAPPED | TLVS, done), { errno: 0, explanation: "no" });
});

test("other attributes than the text are passed over", () => {
  assert.deepEqual(acknowledge(ERROR, CAPPED | TLVS, `${refused} 08000200 04000000`), {
    errno: 17,
    explanation: "",
  });
});

test("the end of a dump has the errno and the words at once, and nothing with old kernels", () => {
  assert.deepEqual(acknowledge(DONE, 2, ""), { errno: 0, explanation: "" });
  assert.deepEqual(acknowledge(DONE, 2, "00000000"), { errno: 0, explanation: "" });
  assert.deepEqual(acknowledge(DONE, 2 | TLVS, `eaffffff ${explained}`), { errno: 22, explanation: "no" });
});

test("a truncated acknowledgement is refused with DecodeError or tells the errno without words", () => {
  const whole = hex(`${refused} 616263646566 0000 ${explained}`);
  for (let length = 0; length < whole.length; length++) {
    for (const flags of [TLVS, TLVS | CAPPED]) {
      const decoded = unlessMalformed(() =>
        decodeAcknowledgement({ type: ERROR, flags, sequence: 1, body: whole.subarray(0, length) }),
      );
      assert.ok(decoded === undefined || (decoded.errno === 17 && length >= 8), `${length} bytes`);
    }
  }
});

test("an answer too short for an errno is no success", () => {
  assert.throws(() => acknowledge(ERROR, 0, ""), DecodeError);
  assert.throws(() => acknowledge(ERROR, 0, "efff"), DecodeError);
});
