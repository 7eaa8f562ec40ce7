import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { linkAddon } from "./addon.ts";
import { assembly, code } from "./addon-code.ts";
import { assembled } from "./assembled.fixture.ts";
import { koffiAddon, pinnedNode } from "./binary.ts";
import { symbolsOf } from "./elf.ts";
import { PF } from "./image.ts";
import { withoutTrampolines } from "./koffi-addon.ts";
import { endOf } from "./slim.ts";

const isX64 = process.arch === "x64";

test("the addon's code is what an assembler makes of its text", (t) => {
  assert.equal(assembled(t, "x64", assembly), code);
});

test("hardly anything of the addon is left for ld.so", { skip: !isX64 }, () => {
  const node = readFileSync(pinnedNode);
  const address = endOf(node);
  const addon = linkAddon(node, symbolsOf(node), withoutTrampolines(readFileSync(koffiAddon)), address);
  assert.ok(addon.relocations.length < 20, String(addon.relocations.length));
  assert.ok(addon.parts.every((part) => part.address >= address));
  const { executable, writable } = PF;
  const both = executable | writable;
  assert.ok(addon.parts.every(({ flags }) => (flags & both) !== both));
  const size = addon.parts.reduce((sum, { bytes }) => sum + bytes.length, 0);
  assert.ok(size < 400_000, String(size));
});

test("an addon that needs more than is known is refused", { skip: !isX64 }, () => {
  const node = readFileSync(pinnedNode);
  const symbols = symbolsOf(node);
  const addon = readFileSync(koffiAddon);
  const relocation = addon.indexOf(Buffer.from("0800000000000000", "hex"), 0x61ce0);
  addon.writeUInt32LE(18, relocation);
  assert.throws(() => linkAddon(node, symbols, addon, endOf(node)), /relocation of type 18/);
  const others = new Map([...symbols].filter(([name]) => !name.includes("DLib")));
  const intact = readFileSync(koffiAddon);
  assert.throws(() => linkAddon(node, others, intact, endOf(node)), /loads addons in another way/);
});
