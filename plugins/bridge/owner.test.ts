import assert from "node:assert/strict";
import { test } from "node:test";
import { hostLinkName, ownerAlias, ownerOfAlias } from "./owner.ts";

const owner = { network: "net.1", containerId: "c-1", ifname: "eth0.7" };

test("an alias tells network, container and interface", () => {
  assert.equal(ownerAlias(owner), "cni:net.1:c-1:eth0.7");
  assert.deepEqual(ownerOfAlias(ownerAlias(owner)), owner);
  for (const alias of ["", "uplink", "cni:a:b", "cni:a:b:c:d", "cni::b:c"])
    assert.equal(ownerOfAlias(alias), undefined);
});

test("an alias fits into the kernel's 255 bytes, and stays one owner's", () => {
  const long = { ...owner, containerId: "x".repeat(400) };
  const other = { ...owner, containerId: `${"x".repeat(399)}y` };
  assert.ok(Buffer.byteLength(ownerAlias(long)) <= 255);
  assert.notEqual(ownerAlias(long), ownerAlias(other));
});

test("the host-side name follows from the owner and the attempt", () => {
  assert.match(hostLinkName(owner, 0), /^veth[0-9a-f]{8}$/);
  assert.equal(hostLinkName(owner, 0), hostLinkName({ ...owner }, 0));
  assert.notEqual(hostLinkName(owner, 0), hostLinkName(owner, 1));
  assert.notEqual(hostLinkName(owner, 0), hostLinkName({ ...owner, ifname: "eth1" }, 0));
});
