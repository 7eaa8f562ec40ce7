import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { billedFile } from "./bill.ts";
import { assertChecksums, writeChecksums } from "./checksums.ts";
import type { Component } from "./components.ts";
import { cyclonedxDocument } from "./cyclonedx.ts";
import { archiveName } from "./file-name.ts";
import { signedStatement, statementOf, verifiedStatement } from "./provenance.ts";
import { spdxDocument } from "./spdx.ts";
import { tarGz } from "./tar-archive.ts";
import { uuidOf } from "./uuid.ts";
import { vexDocument } from "./vex.ts";

test("archives have the Go plugins' names", () => {
  assert.equal(archiveName("x64", "linked", "2.0.0"), "cni-plugins-linux-amd64-v2.0.0.tgz");
  assert.equal(archiveName("arm64", "separate", "2.0.0"), "cni-plugins-linux-arm64-separate-v2.0.0.tgz");
});

test("an archive has hard links, and the same bytes each time", async () => {
  const members = [
    { name: "bridge", mode: 0o755, content: Buffer.from("program") },
    { name: "portmap", mode: 0o755, content: { linkTo: "bridge" } },
  ];
  const archive = await tarGz(members, 1_700_000_000);
  assert.ok(archive.equals(await tarGz(members, 1_700_000_000)));
  const tar = gunzipSync(archive);
  const headers = [0, 512, 1536].map((at) => [
    tar.toString("latin1", at, at + 100).replace(/\0.*$/s, ""),
    tar.toString("latin1", at + 100, at + 106),
    tar.toString("latin1", at + 156, at + 157),
    tar.toString("latin1", at + 265, at + 269),
  ]);
  assert.deepEqual(headers, [
    ["./", "000755", "5", "root"],
    ["./bridge", "000755", "0", "root"],
    ["./portmap", "000755", "1", "root"],
  ]);
});

test("checksums are those of sha256sum, and another file is refused", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "checksums-test-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "a.tgz");
  writeFileSync(file, "abc");
  writeChecksums(file);
  const text = readFileSync(`${file}.sha256`, "utf8");
  assert.equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a.tgz\n");
  assertChecksums(file);
  writeFileSync(file, "abd");
  assert.throws(() => assertChecksums(file), /a\.tgz\.sha256 is of another file/);
});

test("a statement that was signed is read by the public key, and by no other", () => {
  const facts = { repository: "urn:x", commit: "c0ffee", dependencies: [{ purl: "pkg:npm/a@1" }] };
  const statement = statementOf([{ name: "a.tgz", bytes: Buffer.from("abc") }], facts);
  assert.match(statement, /"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"/);
  for (const type of ["ed25519", "ec"] as const) {
    const pair = () => {
      const { publicKey, privateKey } =
        type === "ec" ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : generateKeyPairSync("ed25519");
      return {
        publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
        privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      };
    };
    const [own, other] = [pair(), pair()];
    const envelope = signedStatement(statement, own.privateKey);
    assert.equal(verifiedStatement(envelope, own.publicKey), statement);
    assert.throws(() => verifiedStatement(envelope, other.publicKey), /no signature of this key/);
  }
});

test("bills of materials name what is in an archive, and what is within what", () => {
  const component: Component = {
    ...{ name: "node", version: "1", license: "MIT", purl: "pkg:generic/node@1", presence: "used", note: "" },
  };
  const part: Component = { ...component, name: "sqlite", purl: "pkg:generic/sqlite@1", within: "node" };
  const bill = {
    ...{ name: "archive", version: "2.0.0", created: "2026-01-01T00:00:00Z" },
    components: [component, part],
    files: [billedFile("bridge", Buffer.from("abc"))],
  };
  const spdx = JSON.parse(spdxDocument(bill));
  assert.deepEqual(
    spdx.packages.map(({ name }: { name: string }) => name),
    ["cni-plugins-ts", "node", "sqlite"],
  );
  assert.ok(
    spdx.relationships.some(
      (one: Record<string, string>) =>
        one["spdxElementId"] === "SPDXRef-node" && one["relatedSpdxElement"] === "SPDXRef-sqlite",
    ),
  );
  const cyclonedx = JSON.parse(cyclonedxDocument(bill));
  assert.equal(cyclonedx.components[0].components[0].name, "sqlite");
  assert.match(
    cyclonedx.serialNumber,
    /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  assert.equal(
    JSON.parse(vexDocument(bill)).statements[0].products[0].subcomponents[0]["@id"],
    "pkg:generic/node@1",
  );
});

test("a UUID is that of its words", () => {
  assert.equal(uuidOf("a", "b"), uuidOf("a", "b"));
  assert.notEqual(uuidOf("a", "b"), uuidOf("ab"));
});
