import assert from "node:assert/strict";
import { test } from "node:test";
import { goCommentStart, goNetworkStart } from "./go-masquerade.ts";

test("the Go plugin's comments begin with hashes of network, interface and container", () => {
  assert.equal(goNetworkStart("unit-test"), "6fd94d501e58f0aa-");
  const owner = { network: "unit-test", containerId: "one", ifname: "eth0" };
  assert.equal(goCommentStart(owner), "6fd94d501e58f0aa-287fc69eff0574a2");
  assert.equal(
    goCommentStart({ network: "alternate", containerId: "three", ifname: "net1" }),
    "82783ef24bdc7036-acb19d111858e348",
  );
});
