import assert from "node:assert/strict";
import { test } from "node:test";
import { CniError } from "../../shared/cni/errors/cni-error.ts";
import { emptyResult } from "../../shared/cni/result.fixture.ts";
import { formatIp } from "../../shared/ip/address.ts";
import { parsePrefix } from "../../shared/ip/prefix.ts";
import { addressesOf, isolationOf } from "./attachment.ts";
import type { FirewallConfig, IngressPolicy } from "./config.ts";

function config(ingressPolicy: IngressPolicy): FirewallConfig {
  return { backend: "iptables", adminChain: "CNI-ADMIN", zone: "trusted", ingressPolicy, dataDir: "/d" };
}

function bridgeRefusal(...names: readonly string[]): string {
  const interfaces = names.map((name) => ({ name }));
  try {
    isolationOf(config("same-bridge"), { ...emptyResult, interfaces });
  } catch (error) {
    assert.ok(error instanceof CniError && error.code === 7);
    return error.message;
  }
  assert.fail(`${names} was accepted`);
}

test("every address once, whatever its prefix length", () => {
  const ips = ["10.0.0.2/24", "2001:db8::2/64", "10.0.0.2/16", "::ffff:10.0.0.2/128", "10.0.0.3/24"]
    .map(parsePrefix)
    .filter((address) => address !== undefined)
    .map((address) => ({ address }));
  assert.equal(ips.length, 5);
  const addresses = addressesOf({ ...emptyResult, ips });
  assert.deepEqual(addresses.map(formatIp), ["10.0.0.2", "2001:db8::2", "10.0.0.3"]);
});

test("open needs no interface", () => {
  assert.equal(isolationOf(config("open"), emptyResult), undefined);
});

test("the bridge is the first interface", () => {
  const interfaces = [{ name: "cni0" }, { name: "veth1" }, { name: "eth0", sandbox: "/run/netns/c" }];
  assert.deepEqual(isolationOf(config("isolated"), { ...emptyResult, interfaces }), {
    policy: "isolated",
    bridge: "cni0",
  });
});

test("a policy without a bridge is refused", () => {
  assert.equal(
    bridgeRefusal(),
    'interface needs to be set for ingress policy "same-bridge", make sure to chain "firewall" plugin with "bridge"',
  );
  assert.equal(bridgeRefusal(""), "got empty bridge name");
});

test("a bridge name that would match other interfaces is refused", () => {
  for (const name of ["cni+", "+", "!", "a b", "a\nb", 'a"b', "-x", "a/b", "a:b", "x".repeat(16)]) {
    assert.match(bridgeRefusal(name), /^invalid bridge name /);
  }
});
