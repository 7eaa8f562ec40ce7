import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatRecord, parseRecord, recordName, recordNameOf } from "./owner-record.ts";

test("a record of an IPv4 lease fits into an inode of ext4, also with the largest numbers of a disk", () => {
  const file = `${(2n ** 32n - 1n).toString(36)}.${(4_102_444_800n * 1_000_000_000n).toString(36)}`;
  const text = formatRecord([{ name: "255.255.255.255", file, boot: "01234567-89abcdef" }]);
  assert.ok(text.length < 60, `${text.length}`);
});

test("property: records are read as they were written", () => {
  const hex = fc.stringMatching(/^[0-9a-f]{8}$/);
  const boot = fc.tuple(fc.oneof(hex, fc.constant("unknown")), hex).map((parts) => parts.join("-"));
  const name = fc.oneof(fc.ipV4(), fc.ipV6());
  const file = fc.stringMatching(/^[0-9a-z]{1,9}\.[0-9a-z]{1,12}$/);
  const lease = fc.record({ name, file, boot }, { noNullPrototype: true });
  fc.assert(
    fc.property(fc.array(lease, { minLength: 1, maxLength: 5 }), (leases) => {
      assert.deepEqual(parseRecord(formatRecord(leases)), leases);
    }),
  );
});

test("what is no record, or has no room for all leases, is told apart", () => {
  for (const text of ["", "many", "10.0.0.2 1.1", "01234567-89abcdef", "01234567-89abcdef 10.0.0.2"]) {
    assert.equal(parseRecord(text), undefined, text);
  }
});

test("a record is named for container and interface; no name leads elsewhere", () => {
  assert.equal(recordName({ containerId: " c1 ", ifname: "eth0" }), "c1:eth0");
  assert.equal(recordNameOf({ kind: "legacy", containerId: "c1" }), "c1:");
  assert.equal(recordNameOf({ kind: "foreign" }), undefined);
  for (const [containerId, ifname] of [
    ["../c1", "eth0"],
    ["reserved for the printer", ""],
    ["c1", "../../x"],
    ["c1", "a-very-long-interface-name"],
    ["", "eth0"],
  ] as const) {
    assert.equal(recordName({ containerId, ifname }), undefined);
  }
  const long = recordName({ containerId: "c".repeat(300), ifname: "eth0" });
  assert.match(long ?? "", /^:[0-9a-f]{128}$/);
  assert.notEqual(long, recordName({ containerId: "c".repeat(300), ifname: "eth1" }));
});
