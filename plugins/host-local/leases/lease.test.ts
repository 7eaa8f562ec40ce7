import assert from "node:assert/strict";
import { test } from "node:test";
import { formatLease, isLeaseOf, isLegacyLeaseOf, parseLease } from "./lease.ts";

const owner = { containerId: "cid1", ifname: "eth0" };

test("the content of a lease is the Go plugin's", () => {
  assert.equal(formatLease(owner), "cid1\r\neth0");
  assert.equal(formatLease({ containerId: " cid1\n", ifname: "eth0" }), "cid1\r\neth0");
});

test("leases match as measured with the Go plugin", () => {
  const table: Record<string, string[]> = {
    full: [
      "cid1\r\neth0",
      "cid1\r\neth0\n",
      "  cid1\r\neth0  ",
      "\u00a0cid1\r\neth0\u2003",
      "\u0085cid1\r\neth0",
    ],
    legacy: ["cid1", "cid1\r\n", "cid1\n", "\tcid1 "],
    none: [
      "cid1\neth0",
      "cid1 \r\neth0",
      "cid1\r\n eth0",
      "cid1\r\neth0\r\nextra",
      "cid1\r\neth0\0",
      "\ufeffcid1\r\neth0",
      "cid1\r\neth1",
      "cid11\r\neth0",
      "cid",
      "",
    ],
  };
  for (const [kind, contents] of Object.entries(table)) {
    for (const content of contents) {
      const lease = parseLease(content);
      assert.equal(isLeaseOf(lease, owner), kind === "full", JSON.stringify(content));
      assert.equal(isLegacyLeaseOf(lease, owner), kind === "legacy", JSON.stringify(content));
    }
  }
});

test("a file without content is torn, a file with other content belongs to somebody else", () => {
  for (const content of ["", "\n", "\0".repeat(70), " \r\n\0"])
    assert.equal(parseLease(content).kind, "torn");
  assert.equal(parseLease("a\r\nb\r\nc").kind, "foreign");
});
