import assert from "node:assert/strict";
import { test } from "node:test";
import { formatBackup, mergeBackups, parseBackup } from "./backup.ts";

const all = { mac: "02:00:00:00:00:01", promisc: false, mtu: 1500, allmulti: false, txQueueLength: 0 };

test("the bytes are the Go plugin's", () => {
  assert.equal(
    formatBackup({ ...all, txQueueLength: 1000 }),
    '{\n "mac": "02:00:00:00:00:01",\n "promisc": false,\n "mtu": 1500,\n "allmulti": false,\n "txQLen": 1000\n}',
  );
  assert.equal(formatBackup({ mtu: 1500 }), '{\n "mtu": 1500\n}');
});

test("what is written is read", () => {
  assert.deepEqual(parseBackup(formatBackup(all)), all);
  assert.deepEqual(parseBackup('{"MTU":1400,"TxQLen":5,"x":1,"mac":null}'), { mtu: 1400, txQueueLength: 5 });
});

test("blank values restore nothing", () => {
  assert.deepEqual(parseBackup('{"mac":"","mtu":0}'), {});
});

test("other files are no backups", () => {
  for (const content of ["", "{", "[]", '{"mtu":"1500"}', '{"mtu":1500']) {
    assert.equal(parseBackup(content), undefined, content);
  }
});

test("the first values stay, new settings are added", () => {
  assert.deepEqual(mergeBackups(undefined, { mtu: 1400 }), { mtu: 1400 });
  assert.deepEqual(mergeBackups({ mtu: 1500 }, { mtu: 1400, allmulti: true }), { mtu: 1500, allmulti: true });
});
