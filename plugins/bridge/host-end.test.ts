import assert from "node:assert/strict";
import { test } from "node:test";
import { hostLinkName } from "./host-end.ts";

const key = { network: "net.1", containerId: "c-1", ifname: "eth0.7" };

test("the host-side name follows from the owner and the attempt", () => {
  assert.match(hostLinkName(key, 0), /^veth[0-9a-f]{8}$/);
  assert.equal(hostLinkName(key, 0), hostLinkName({ ...key }, 0));
  assert.notEqual(hostLinkName(key, 0), hostLinkName(key, 1));
  assert.notEqual(hostLinkName(key, 0), hostLinkName({ ...key, ifname: "eth1" }, 0));
});
