import assert from "node:assert/strict";
import { test } from "node:test";
import { ownerComment, ownerCommentStart } from "./owner-comment.ts";

const owner = { network: "net1", containerId: "c1", ifname: "eth0" };

test("a comment tells network, container and interface", () => {
  assert.equal(ownerComment(owner), "net1/c1/eth0");
  assert.ok(ownerComment(owner).startsWith(ownerCommentStart("net1")));
  assert.ok(!ownerComment({ ...owner, network: "net12" }).startsWith(ownerCommentStart("net1")));
});

test("long names give comments of at most 128 bytes that are still one owner's", () => {
  const long = "x".repeat(300);
  const comments = [
    { ...owner, containerId: long },
    { ...owner, containerId: `${long}y` },
    { ...owner, network: long },
    { ...owner, network: `${long}y` },
    { network: long, containerId: long, ifname: "eth0" },
    { network: long, containerId: long, ifname: "eth1" },
  ].map(ownerComment);
  assert.equal(new Set(comments).size, comments.length);
  for (const comment of comments) assert.ok(Buffer.byteLength(comment) <= 128, comment);
  assert.equal(ownerComment({ ...owner, containerId: "f".repeat(64) }), `net1/${"f".repeat(64)}/eth0`);
});
