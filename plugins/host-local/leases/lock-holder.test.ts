import assert from "node:assert/strict";
import { test } from "node:test";
import { findHolder } from "./lock-holder.ts";

// Taken from proc_locks(5), with waiting processes.
const locks = `1: POSIX  ADVISORY  WRITE 699 08:01:4711 0 EOF
2: FLOCK  ADVISORY  WRITE 2001 08:01:4711 0 EOF
2: -> FLOCK  ADVISORY  WRITE 2002 08:01:4711 0 EOF
3: FLOCK  ADVISORY  WRITE 3001 fe:10:4711 0 EOF
4: FLOCK  ADVISORY  WRITE 0 00:2a:99 0 EOF
5: FLOCK  ADVISORY  WRITE 5001 00:2b:5 0 EOF
`;

test("the holder of a flock is found by device and inode", () => {
  assert.equal(findHolder(locks, { dev: 0x801n, ino: 4711n }), 2001);
  assert.equal(findHolder(locks, { dev: 0xfe10n, ino: 4711n }), 3001);
  assert.equal(findHolder(locks, { dev: 0x801n, ino: 4712n }), undefined);
});

test("a device that stat tells otherwise does not hide the holder; a holder elsewhere is not named", () => {
  assert.equal(findHolder(locks, { dev: 0x44n, ino: 5n }), 5001);
  assert.equal(findHolder(locks, { dev: 0x2an, ino: 99n }), undefined);
  assert.equal(findHolder("", { dev: 1n, ino: 1n }), undefined);
});
