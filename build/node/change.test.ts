import assert from "node:assert/strict";
import { test } from "node:test";
import { applyChanges, outcomesOf } from "./apply.ts";
import { type Change, type Edit, patchOf } from "./change.ts";
import type { ElfSymbol } from "./elf.ts";

const code = Buffer.from("90905589e5e811223344c39090e855667788c3", "hex");
const symbols = new Map<string, ElfSymbol>([
  ["first", { name: "first", address: 0x1000, size: 9, offset: 2 }],
  ["all", { name: "all", address: 0x1000, size: code.length, offset: 0 }],
]);

const forwarding = new Map<string, ElfSymbol>([
  ["long", { name: "long", address: 0x1000, size: 12, offset: 0 }],
  ["other", { name: "other", address: 0x2000, size: 12, offset: 12 }],
]);

function patch(edit: Edit): string {
  const { offset, bytes } = patchOf(edit, code, symbols, "x64");
  return `${offset} ${bytes.toString("hex")}`;
}

function inner(within: string, pattern: string): Edit {
  return { within, places: { x64: { pattern, becomes: (found) => Buffer.from(found.reverse()) } } };
}

test("a function gets another beginning, whatever it was", () => {
  assert.equal(patch({ function: "first", becomes: { x64: "31c0c3" } }), "2 31c0c3");
});

test("a function that is shorter than what replaces it is refused", () => {
  assert.throws(() => patch({ function: "first", becomes: { x64: "90".repeat(10) } }), /too short: 9 bytes/);
  assert.throws(() => patch({ function: "first", becomes: { arm64: "c3" } }), /no code for x64/);
  assert.throws(() => patch({ function: "other", becomes: { x64: "c3" } }), /no such symbol/);
});

test("a method forwards to another one", () => {
  // mov esi, 7; jmp 0x2000 from 0x100a
  assert.equal(
    patchOf({ function: "long", calls: "other", argument: 7 }, code, forwarding, "x64").bytes.toString("hex"),
    "be07000000e9f60f0000",
  );
  // bti c; mov x1, #7; b +0xff8
  assert.equal(
    patchOf({ function: "long", calls: "other", argument: 7 }, code, forwarding, "arm64").bytes.toString(
      "hex",
    ),
    "5f2403d5e10080d2fe030014",
  );
});

test("within a function, a pattern must match once", () => {
  assert.equal(patch(inner("first", "e8........")), "5 44332211e8");
  assert.throws(() => patch(inner("all", "e8........")), /ambiguous: 2 places/);
  assert.throws(() => patch(inner("first", "e855")), /not found/);
});

test("data must be what they are known to be", () => {
  assert.equal(patch({ data: "first", from: "5589", to: "0000" }), "2 0000");
  assert.throws(() => patch({ data: "first", from: "5588", to: "0000" }), /another value/);
});

test("what is no Node binary is refused", () => {
  for (const file of [Buffer.alloc(0), Buffer.alloc(100), Buffer.from("#!/bin/sh\n".repeat(20))]) {
    assert.throws(() => outcomesOf(file, symbols, []), /no Node binary/);
  }
});

test("a change is made whole or not at all, and a required one that cannot be made stops the build", () => {
  const elf = Buffer.alloc(64);
  elf.writeUInt32BE(0x7f454c46, 0);
  elf.set([2, 1], 4);
  elf.writeUInt16LE(62, 18);
  const change: Change = {
    name: "some change",
    kind: "speed",
    source: "",
    before: "",
    after: "",
    safe: "",
    checkedBy: "",
    saves: 1,
    edits: [{ data: "missing", from: "00", to: "01" }],
  };
  const before = Buffer.from(elf);
  assert.deepEqual(applyChanges(elf, symbols, [change]), ["some change (no such symbol, 1 ms)"]);
  assert.ok(elf.equals(before));
  assert.throws(
    () => applyChanges(elf, symbols, [{ ...change, required: true }]),
    /some change: no such symbol/,
  );
});
