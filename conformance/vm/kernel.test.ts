import assert from "node:assert/strict";
import { test } from "node:test";
import { missingOptions } from "./kernel.ts";

test("a kernel's config tells what it lacks", () => {
  const missing = missingOptions(
    "CONFIG_EXT4_FS=m\nCONFIG_VETH=m\nCONFIG_BRIDGE=y\n# CONFIG_DUMMY is not set\n",
  );
  assert.ok(missing.includes("EXT4_FS=y"), "a module is not enough for the root file system");
  assert.ok(missing.includes("DUMMY"));
  assert.ok(!missing.includes("VETH") && !missing.includes("BRIDGE"));
});
