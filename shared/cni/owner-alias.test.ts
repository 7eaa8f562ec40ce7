import assert from "node:assert/strict";
import { test } from "node:test";
import {
  groupOfNetwork,
  isAliasOfContainer,
  isAliasOfNetwork,
  isLinkAlias,
  ownerAlias,
} from "./owner-alias.ts";

const owner = { network: "net.1", containerId: "c-1", ifname: "eth0#7" };
const long = "x".repeat(400);
const longNetwork = "n".repeat(300);

test("an alias tells network, container and interface", () => {
  assert.equal(ownerAlias(owner), "cni:net.1:c-1:eth0#7");
  for (const alias of ["", "uplink", "cni:a", "cni:a:b:c:d", "cni::b:c"]) {
    assert.equal(isLinkAlias(alias), false, alias);
    assert.equal(isAliasOfNetwork("a", alias), false, alias);
    assert.equal(isAliasOfContainer("b", alias), false, alias);
  }
});

for (const [what, of] of Object.entries({
  "a usual one": owner,
  "a long container's": { ...owner, containerId: long },
  "a long network's": { ...owner, network: longNetwork },
  "one of long names": { ...owner, containerId: long, network: longNetwork },
  "one just too long": { ...owner, network: "n".repeat(121), containerId: "c".repeat(130) },
  "one that just fits": { ...owner, network: "n".repeat(121), containerId: "c".repeat(121) },
})) {
  test(`an alias fits into the kernel's 255 bytes and is found by network and container: ${what}`, () => {
    const alias = ownerAlias(of);
    assert.ok(Buffer.byteLength(alias) <= 255);
    assert.ok(isLinkAlias(alias));
    assert.ok(isAliasOfNetwork(of.network, alias));
    assert.ok(isAliasOfContainer(of.containerId, alias));
    for (const network of [`${of.network}x`, of.network.slice(0, -1), `y${of.network.slice(1)}`])
      assert.ok(!isAliasOfNetwork(network, alias), network);
    assert.ok(!isAliasOfContainer(`y${of.containerId}`, alias));
    for (const key of ["network", "containerId", "ifname"] as const)
      assert.notEqual(ownerAlias({ ...of, [key]: `${of[key]}y` }), alias, key);
  });
}

test("a network's group is a number that people do not give, and its own", () => {
  assert.ok(groupOfNetwork("a") >= 0x80000000 && groupOfNetwork("a") <= 0xffffffff);
  assert.notEqual(groupOfNetwork("a"), groupOfNetwork("b"));
});
