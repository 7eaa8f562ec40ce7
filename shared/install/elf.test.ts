import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { readElf } from "./elf.ts";

const program = readFileSync("/bin/true");

function elfOf(file: Buffer) {
  return readElf((position, length) => file.subarray(position, position + length));
}

function changed(at: number, ...bytes: number[]): Buffer {
  const file = Buffer.from(program);
  file.set(bytes, at);
  return file;
}

test("a program of this machine, and how long it is at least", () => {
  const elf = elfOf(program);
  assert.equal(elf?.architecture, process.arch);
  assert.ok(elf !== undefined && elf.length > program.length / 2 && elf.length <= program.length);
});

test("one that is cut off tells how long it was to be", () => {
  const { length = 0 } = elfOf(program) ?? {};
  for (const size of [64, 100, 4096, length - 1]) {
    const found = elfOf(program.subarray(0, size))?.length ?? 0;
    assert.ok(found > size, `${size}: ${found}`);
  }
});

test("other machines are named", () => {
  const machine = (number: number) => elfOf(changed(18, number & 255, number >> 8))?.architecture;
  assert.deepEqual([62, 183, 22, 999].map(machine), ["x64", "arm64", "s390x", "ELF machine 999"]);
});

test("of 32 bits, or with the highest byte first", () => {
  assert.deepEqual(elfOf(changed(4, 1, 1, 1)), { architecture: process.arch, length: 64 });
  const big = changed(4, 2, 2, 1);
  big.writeUInt16BE(22, 18);
  assert.deepEqual(elfOf(big), { architecture: "s390x", length: 64 });
});

test("what is no ELF file", () => {
  for (const text of ["", "\x7fEL", "#!/bin/sh\n", "x".repeat(100)]) {
    assert.equal(elfOf(Buffer.from(text)), undefined);
  }
});
