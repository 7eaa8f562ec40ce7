import assert from "node:assert/strict";
import { test } from "node:test";
import { Transaction } from "./transaction.ts";

test("a transaction is the input of one iptables-restore", () => {
  const transaction = new Transaction();
  assert.ok(transaction.isEmpty);
  transaction.newChain("NEW");
  transaction.append("NEW", ["-m", "comment", "--comment", "a b", "-j", "RETURN"]);
  transaction.insertFirst("POSTROUTING", ["-j", "NEW"]);
  transaction.deleteRule("PREROUTING", ["-j", "OLD"]);
  transaction.flushChain("OLD");
  transaction.deleteChain("OLD");
  assert.ok(!transaction.isEmpty);
  assert.equal(
    transaction.toText("nat"),
    `*nat
-N NEW
-A NEW -m comment --comment "a b" -j RETURN
-I POSTROUTING 1 -j NEW
-D PREROUTING -j OLD
-F OLD
-X OLD
COMMIT
`,
  );
});

test("a chain name cannot start a second command", () => {
  const transaction = new Transaction();
  transaction.flushChain("A\n-F INPUT");
  assert.throws(() => transaction.toText("filter"), /control character/);
});
