import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { droppedMembersFile, droppedMembersList } from "./dropped-members.ts";

test("dropped-members.txt says what the plugins are without: else run `npm run dropped-members` and look", async () => {
  assert.equal(readFileSync(droppedMembersFile, "utf8"), await droppedMembersList());
});
