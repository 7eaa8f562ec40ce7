import assert from "node:assert/strict";
import { test } from "node:test";
import type { Row } from "../report/row.ts";
import { untriedText, wronglyUntried } from "./may-lack.ts";

const row = (name: string, more: Partial<Row>): Row => ({
  id: `s/${name}@1.1.0`,
  suite: "s",
  name,
  plugin: "bridge",
  version: "1.1.0",
  source: "",
  status: "not supported",
  ...more,
});

const rows = [
  row("passed", { status: "pass" }),
  row("failed", { status: "fail", reason: "it hangs" }),
  row("of another version", { reason: "bridge does not support version 1.1.0" }),
  row("with VLANs", { reason: "no VLANs", missing: ["vlan"] }),
  row("with VLANs and nft", { reason: "no VLANs; no nft", missing: ["vlan", "nftables"] }),
  row("without a plugin", { reason: "there is no executable bridge", missing: ["executable"] }),
];

const names = (mayLack: Parameters<typeof wronglyUntried>[1]) =>
  wronglyUntried(rows, mayLack).map(({ name }) => name);

test("only what the machine may lack is a reason not to try a scenario; so is a version of the plugin", () => {
  assert.deepEqual(names([]), ["with VLANs", "with VLANs and nft", "without a plugin"]);
  assert.deepEqual(names(["vlan"]), ["with VLANs and nft", "without a plugin"]);
  assert.deepEqual(names(["vlan", "nftables"]), ["without a plugin"]);
  assert.deepEqual(wronglyUntried(rows.slice(0, 3), []), []);
});

test("what was not tried is named, with the reason", () => {
  assert.match(
    untriedText(wronglyUntried(rows, ["vlan"])),
    /: 2\n✗ s\/with VLANs and nft@1\.1\.0: no VLANs; no nft\n/,
  );
});
