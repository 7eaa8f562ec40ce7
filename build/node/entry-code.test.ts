import assert from "node:assert/strict";
import { test } from "node:test";
import { assembled } from "./assembled.fixture.ts";
import { assembly, code, entryPart } from "./entry-code.ts";

for (const architecture of ["x64", "arm64"] as const) {
  test(`the code for ${architecture} is what an assembler makes of its text`, (t) => {
    assert.equal(assembled(t, architecture, assembly[architecture]), code[architecture]);
  });
}

test("a name that would not fit is refused", () => {
  const otherwise = { address: 0, size: 0 };
  const programs = [{ name: "a".repeat(32), ...otherwise }];
  const places = { architecture: "x64", address: 0, nodeEntry: 0, noteHeader: 64 } as const;
  assert.throws(() => entryPart({ ...places, programs, otherwise }), /longer than 31/);
});
