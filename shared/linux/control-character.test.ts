import assert from "node:assert/strict";
import { test } from "node:test";
import { hasControlCharacter } from "./control-character.ts";

test("control characters are those of Unicode's category", () => {
  for (let code = 0; code <= 0x10ffff; code++) {
    const character = String.fromCodePoint(code);
    assert.equal(hasControlCharacter(character), /\p{Cc}/u.test(character), code.toString(16));
  }
  assert.ok(hasControlCharacter("a\u0001b"));
  assert.ok(!hasControlCharacter(""));
});
