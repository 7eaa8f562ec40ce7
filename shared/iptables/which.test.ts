import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { findProgram, type Variant } from "./which.ts";

/** A folder that is the first of PATH: programs by name, each a file of its own, or a link to what it names. */
function folderWith(t: TestContext, files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), "which-test-"));
  const path = process.env["PATH"];
  t.after(() => {
    process.env["PATH"] = path;
    rmSync(folder, { recursive: true });
  });
  process.env["PATH"] = folder;
  for (const [name, target] of Object.entries(files)) {
    if (target === "") writeFileSync(join(folder, name), "", { mode: 0o755 });
    else symlinkSync(target, join(folder, name));
  }
  return folder;
}

function restoreIn(folder: string, said?: Variant) {
  let asked = 0;
  const { file, name } = findProgram(4, "restore", () => {
    asked++;
    return said;
  });
  return { file: file.replace(`${folder}/`, ""), ...(name && { name }), asked };
}

test("the program beside iptables is taken when nothing speaks against it", (t) => {
  const multi = folderWith(t, {
    "xtables-nft-multi": "",
    iptables: "xtables-nft-multi",
    "iptables-restore": "xtables-nft-multi",
  });
  assert.deepEqual(restoreIn(multi), { file: "iptables-restore", asked: 0 });
  const plain = folderWith(t, { iptables: "", "iptables-restore": "" });
  assert.deepEqual(restoreIn(plain), { file: "iptables-restore", asked: 0 });
  const wrapped = folderWith(t, {
    "xtables-nft-multi": "",
    iptables: "xtables-nft-multi",
    "iptables-restore": "",
  });
  assert.deepEqual(restoreIn(wrapped), { file: "iptables-restore", asked: 0 });
});

test("iptables is used under the other name when that is missing, or of the other variant", (t) => {
  const files = { "xtables-legacy-multi": "", "xtables-nft-multi": "", iptables: "xtables-legacy-multi" };
  const used = { file: "xtables-legacy-multi", name: "iptables-restore", asked: 0 };
  const alone = folderWith(t, files);
  const first = restoreIn(alone);
  assert.deepEqual(first, used);
  const mixed = folderWith(t, { ...files, "iptables-restore": "xtables-nft-multi" });
  assert.deepEqual(restoreIn(mixed), used);
});

test("a wrapper is asked when what is beside it may be of another variant, or is not there", (t) => {
  const files = {
    ...{ "xtables-legacy-multi": "", "xtables-nft-multi": "", iptables: "" },
    "iptables-restore": "xtables-nft-multi",
  };
  const folder = folderWith(t, files);
  assert.deepEqual(restoreIn(folder, "nft"), { file: "iptables-restore", asked: 1 });
  assert.deepEqual(restoreIn(folder), { file: "iptables-restore", asked: 1 });
  const elsewhere = folderWith(t, { ...files, "iptables-legacy-restore": "xtables-legacy-multi" });
  assert.deepEqual(restoreIn(elsewhere, "legacy"), { file: "iptables-legacy-restore", asked: 1 });
});
