import assert from "node:assert/strict";
import { test } from "node:test";
import { hostLinkName } from "./owner.ts";

const owner = { network: "net.1", containerId: "c-1", ifname: "eth0.7" };

test("the host-side name follows from the owner and the attempt", () => {
  assert.match(hostLinkName(owner, 0), /^veth[0-9a-f]{8}$/);
  assert.equal(hostLinkName(owner, 0), hostLinkName({ ...owner }, 0));
  assert.notEqual(hostLinkName(owner, 0), hostLinkName(owner, 1));
  assert.notEqual(hostLinkName(owner, 0), hostLinkName({ ...owner, ifname: "eth1" }, 0));
});
