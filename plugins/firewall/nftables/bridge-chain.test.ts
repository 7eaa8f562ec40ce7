import assert from "node:assert/strict";
import { test } from "node:test";
import { bridgeOfChain, chainOfBridge } from "./bridge-chain.ts";

test("a bridge's chain has a name that nft reads, and tells the bridge again", () => {
  for (const [bridge, chain] of [
    ["cni0", "on-cni0"],
    ["br-0.1_x", "on-br-0.1_x"],
    ["a@b#$%{};", "on-a/40b/23/24/25/7b/7d/3b"],
    ["brücke", "on-br/c3/bccke"],
  ] as const) {
    assert.equal(chainOfBridge(bridge), chain);
    assert.match(chain, /^[a-z][\w./-]*$/);
    assert.equal(bridgeOfChain(chain), bridge);
  }
  assert.equal(bridgeOfChain("forward"), undefined);
});
