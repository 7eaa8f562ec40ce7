import assert from "node:assert/strict";
import { test } from "node:test";
import type { Message } from "../netlink/message.ts";
import { decodeAnswer, encodeBatch } from "./batch.ts";
import { addChain } from "./chain.ts";
import { addElements } from "./element.ts";
import { addRule } from "./rule.ts";
import { addSet } from "./set.ts";
import { compileRule, inSet, masquerade } from "./statement.ts";
import { addTable } from "./table.ts";

const table = { family: "ip", name: "t" } as const;
const chain = {
  table,
  name: "c",
  base: { type: "nat", hook: "postrouting", priority: -100, policy: "accept" },
} as const;
const set = { table, name: "s", key: ["ipv4_addr"] } as const;

test("a batch, byte for byte", () => {
  const commands = [
    addTable({ ...table, comment: "x" }),
    addChain(chain),
    addSet(set),
    addRule(chain, {
      expressions: compileRule("ip", [inSet(["ip saddr"], "==", "s"), masquerade()]),
      comment: "x",
    }),
    ...addElements(set, [{ key: Uint8Array.of(10, 0, 0, 1), comment: "x" }]),
  ];
  const expected = [
    // NFNL_MSG_BATCH_BEGIN, request, sequence 7; resource 10; NFNL_BATCH_GENID
    "1c000000 1000 0100 07000000 00000000  00 00 000a  0800 0100 00001234",
    // NFT_MSG_NEWTABLE, request and create; NFPROTO_IPV4; name "t"; userdata: comment "x"
    "24000000 000a 0104 08000000 00000000  02 00 0000  0600 0100 74000000  0800 0600 00 02 7800",
    // NFT_MSG_NEWCHAIN; table, name; hook 4, priority -100; policy; type
    "48000000 030a 0104 09000000 00000000  02 00 0000  0600 0100 74000000  0600 0300 63000000",
    "1400 0480  0800 0100 00000004  0800 0200 ffffff9c  0800 0500 00000001  0800 0700 6e617400",
    // NFT_MSG_NEWSET; table, name, flags, key type and length, id, userdata: big-endian keys
    "50000000 090a 0104 0a000000 00000000  02 00 0000  0600 0100 74000000  0600 0200 73000000",
    "0800 0300 00000000  0800 0400 00000007  0800 0500 00000004  0800 0a00 00000001",
    "0a00 0d00 00 04 02000000 0000",
    // NFT_MSG_NEWRULE, request, create, append; table, chain; expressions
    "9c000000 060a 010c 0b000000 00000000  02 00 0000  0600 0100 74000000  0600 0200 63000000  7000 0480",
    // payload: register 1, network header, offset 12, 4 bytes
    "3400 0180  0c00 0100 7061796c6f616400  2400 0280",
    "0800 0100 00000001  0800 0200 00000001  0800 0300 0000000c  0800 0400 00000004",
    // lookup: set "s", register 1
    "2400 0180  0b00 0100 6c6f6f6b75700000  1400 0280  0600 0100 73000000  0800 0200 00000001",
    // masq, and the rule's comment "x"
    "1400 0180  0900 0100 6d61737100000000  0400 0280  0800 0700 00 02 7800",
    // NFT_MSG_NEWSETELEM, request, acknowledge (the last), create; table, set; key 10.0.0.1, comment
    "40000000 0c0a 0504 0c000000 00000000  02 00 0000  0600 0100 74000000  0600 0200 73000000",
    "1c00 0380  1800 0180  0c00 0180 0800 0100 0a000001  0800 0600 00 02 7800",
    // NFNL_MSG_BATCH_END
    "14000000 1100 0100 0d000000 00000000  00 00 000a",
  ];
  assert.equal(
    Buffer.from(encodeBatch(commands, 7, 0x1234)).toString("hex"),
    expected.join("").replaceAll(" ", ""),
  );
});

test("without a generation the batch goes with any", () => {
  assert.equal(
    Buffer.from(encodeBatch([], 1)).toString("hex"),
    "1400000010000100010000000000000000" + "00000a" + "14000000110001000200000000000000" + "0000000a",
  );
});

/** NLMSG_ERROR with the echoed header of a refused message, capped, and extended ACK. */
function answer(sequence: number, errno: number, attributes = ""): Message {
  const body = Buffer.alloc(20);
  body.writeInt32LE(-errno, 0);
  const extended = attributes !== "";
  return {
    type: 2,
    flags: extended ? 0x300 : 0x100,
    sequence,
    body: Buffer.concat([body, Buffer.from(attributes.replaceAll(" ", ""), "hex")]),
  };
}

test("an answer tells the command, the errno, the kernel's words and the place", () => {
  const text = `0d00 0100 ${Buffer.from("too long\0").toString("hex")} 000000`;
  const offset = "0800 0200 1c000000";
  assert.deepEqual(decodeAnswer(answer(9, 2, text + offset), 7, 3), {
    index: 1,
    errno: 2,
    explanation: "too long",
    offset: 8,
  });
  assert.deepEqual(decodeAnswer(answer(8, 0), 7, 3), { index: 0, errno: 0, explanation: "" });
  // The batch's begin and end.
  assert.equal(decodeAnswer(answer(7, 85), 7, 3)?.index, -1);
  assert.equal(decodeAnswer(answer(11, 1), 7, 3)?.index, -1);
  // Another batch's.
  assert.equal(decodeAnswer(answer(6, 1), 7, 3), undefined);
  assert.equal(decodeAnswer(answer(12, 1), 7, 3), undefined);
  assert.equal(decodeAnswer({ ...answer(9, 2), type: 3 }, 7, 3), undefined);
});
