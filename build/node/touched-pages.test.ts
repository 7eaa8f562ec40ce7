import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pinnedNode } from "./binary.ts";
import { imageFile, marksOf, PF, PT } from "./image.ts";
import { rangesOf, touchedRanges } from "./touched-pages.ts";

test("pages that usual calls touch become a few ranges", () => {
  assert.deepEqual(rangesOf([0x41f000, 0x400000, 0x401000, 0x52000]), [
    { start: 0x50000, end: 0x60000 },
    { start: 0x400000, end: 0x420000 },
  ]);
  assert.deepEqual(rangesOf([0x10000, 0x4f000]), [{ start: 0x10000, end: 0x50000 }]);
});

test("the pinned Node has a list for x86-64, any other Node has none", () => {
  const published = readFileSync(pinnedNode);
  if (process.arch === "x64") assert.ok(touchedRanges(published, "x64").length > 10);
  published[0] = 0;
  assert.deepEqual(touchedRanges(published, "x64"), []);
});

test("what calls do not touch comes last in the file, and keeps its place in memory", () => {
  const part = (address: number, text: string, isLast = false) => {
    const bytes = Buffer.alloc(0x1000, text);
    return { address, bytes, memorySize: bytes.length, flags: PF.readable, isLast };
  };
  const parts = [part(0x401000, "a"), part(0x402000, "b", true), part(0x403000, "c")];
  const elfHeader = Buffer.alloc(64);
  elfHeader.writeUInt16LE(56, 54);
  const image = { architecture: "x64", elfHeader, entry: 0, base: 0x400000, parts, marks: [] } as const;
  const note = { name: ".note", address: 0x400000, size: 0 };
  const file = imageFile(image, Buffer.alloc(0), note);
  const loads = marksOf(file).filter(({ type }) => type === PT.LOAD);
  assert.deepEqual(
    loads.map(({ address, offset }) => [address, offset]),
    [
      [0x400000, 0],
      [0x401000, 0x1000],
      [0x402000, 0x3000],
      [0x403000, 0x2000],
    ],
  );
  assert.deepEqual(
    loads.slice(1).map(({ offset }) => file.toString("latin1", offset, offset + 1)),
    ["a", "b", "c"],
  );
});
