import assert from "node:assert/strict";
import { test } from "node:test";
import { containerChain, goRuleComment, legacyChain, parseGoRuleComment } from "./names.ts";

test("chains are named as the Go plugin names them", () => {
  assert.equal(containerChain("mynet", "c1id"), "CNI-DN-c465c05654907699deadd");
  assert.equal(containerChain("mynet", "A"), "CNI-DN-3e713abb00cb0aae7344f");
  const long =
    "icee6giejonei6sohng6ahngee7laquohquee9shiGo7fohferakah3Feiyoolu2pei7ciPhoh7shaoX6vai3vuf0ahfaeng8yohb9ceu0daez5hashee8ooYai5wa3y";
  assert.equal(containerChain("test", long), "CNI-DN-67e92b96e692a494b6b85");
  assert.equal(legacyChain("mynet", "c1id"), "CNI-SN-c465c05654907699deadd");
});

test("a comment tells its owner", () => {
  const comment = goRuleComment("mynet", "c1id");
  assert.equal(comment, 'dnat name: "mynet" id: "c1id"');
  assert.deepEqual(parseGoRuleComment(comment), { network: "mynet", containerId: "c1id" });
  assert.equal(parseGoRuleComment("CNI portfwd masquerade mark"), undefined);
  assert.equal(parseGoRuleComment(""), undefined);
});

test("a comment is cut at what the kernel stores, and then tells the network only", () => {
  const limit = 255 - 'dnat name: "mynet" id: ""'.length;
  assert.deepEqual(parseGoRuleComment(goRuleComment("mynet", "x".repeat(limit))), {
    ...{ network: "mynet", containerId: "x".repeat(limit) },
  });
  const cut = goRuleComment("mynet", "x".repeat(limit + 1));
  assert.equal(cut.length, 255);
  assert.ok(cut.endsWith("xx.."));
  assert.deepEqual(parseGoRuleComment(cut), { network: "mynet" });
  assert.equal(parseGoRuleComment(goRuleComment("n".repeat(300), "c")), undefined);
});
