import assert from "node:assert/strict";
import { test } from "node:test";
import { validAttachments } from "./attachments.ts";

test("no list and null: nothing may be collected", () => {
  assert.equal(validAttachments({}), undefined);
  assert.equal(validAttachments({ "cni.dev/valid-attachments": null }), undefined);
});

test("an empty list: everything is stale", () => {
  assert.deepEqual(validAttachments({ "cni.dev/valid-attachments": [] }), []);
});

test("both names of the list", () => {
  const list = [{ containerID: "c1", ifname: "eth0" }];
  const wanted = [{ containerId: "c1", ifname: "eth0" }];
  assert.deepEqual(validAttachments({ "cni.dev/valid-attachments": list }), wanted);
  assert.deepEqual(validAttachments({ "cni.dev/attachments": list }), wanted);
});

test("a malformed list is refused as a whole", () => {
  for (const list of ["x", {}, [1], [{ containerID: "c1" }], [{ containerID: 1, ifname: "eth0" }]]) {
    assert.throws(() => validAttachments({ "cni.dev/valid-attachments": list }), { code: 6 });
  }
});
