import assert from "node:assert/strict";
import { test } from "node:test";
import { testKind } from "./test-kinds.ts";

test("every test file belongs to exactly one run", () => {
  assert.equal(testKind("shared/ip/prefix.test.ts"), "unit");
  assert.equal(testKind("build/checks/import-rules.test.ts"), "unit");
  assert.equal(testKind("conformance/harness/host/snapshot.test.ts"), "unit");
  assert.equal(testKind("shared/rtnetlink/link.kernel.test.ts"), "kernel");
  assert.equal(testKind("conformance/harness/host.kernel.test.ts"), "kernel");
  assert.equal(testKind("conformance/clients/ctr.blackbox.test.ts"), "conformance");
  assert.equal(testKind("conformance/vm/outcome.test.ts"), "unit");
  assert.equal(testKind("conformance/bench/statistics.test.ts"), "unit");
  assert.equal(testKind("conformance/vm/smoke.vm.test.ts"), "vm");
  assert.equal(testKind("conformance/ours/bridge/vlan.vm.test.ts"), "vm");
  assert.equal(testKind("conformance/vm/leases.reboot.vm.test.ts"), "vm");
  assert.equal(testKind("shared/ip/prefix.ts"), undefined);
});
