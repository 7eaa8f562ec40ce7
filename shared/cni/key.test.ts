import assert from "node:assert/strict";
import { test } from "node:test";
import { isSpelling, memberOf } from "./key.ts";

test("keys are the same without regard to case, as Go reads them", () => {
  for (const key of ["cniVersion", "CNIVERSION", "cniversion", "cniVer\u017fion"]) {
    assert.ok(isSpelling(key, "cniVersion"), key);
  }
  assert.ok(isSpelling("\u212aey", "key"));
  for (const key of ["cniVersio", "cniVersion ", "cniVers\u0131on", ""]) {
    assert.ok(!isSpelling(key, "cniVersion"), key);
  }
});

test("the exact spelling is preferred, then the last one", () => {
  assert.equal(memberOf({ name: "a", NAME: "b" }, "name"), "a");
  assert.equal(memberOf({ Name: "a", NAME: "b" }, "name"), "b");
  assert.equal(memberOf({ name: null, NAME: "b" }, "name"), "b");
  assert.equal(memberOf({ other: "a" }, "name"), undefined);
});
