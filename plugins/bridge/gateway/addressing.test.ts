import assert from "node:assert/strict";
import { test } from "node:test";
import type { Result } from "../../../shared/cni/result.ts";
import { parseIp } from "../../../shared/ip/address.ts";
import { formatPrefix, type IpPrefix, parsePrefix } from "../../../shared/ip/prefix.ts";
import { completeAddressing } from "./addressing.ts";

function prefix(text: string): IpPrefix {
  const parsed = parsePrefix(text);
  assert.ok(parsed, text);
  return parsed;
}

function ipam(ips: readonly string[], routes: Result["routes"] = []): Result {
  return { interfaces: [], ips: ips.map((text) => ({ address: prefix(text) })), routes, dns: {} };
}

const gatewayOnly = { isGateway: true, isDefaultGateway: false };
const both = { isGateway: true, isDefaultGateway: true };

test("without isGateway nothing is invented", () => {
  const { ips, routes, gatewayAddresses } = completeAddressing(ipam(["10.1.2.3/24"]), {
    isGateway: false,
    isDefaultGateway: false,
  });
  assert.deepEqual(ips, [{ address: prefix("10.1.2.3/24") }]);
  assert.deepEqual([routes, gatewayAddresses], [[], []]);
});

test("isGateway: the network's first address, IPv4 before IPv6, each once", () => {
  const { gatewayAddresses } = completeAddressing(
    ipam(["fd00::9/64", "10.1.2.3/24", "10.1.2.4/24", "10.0.0.5/32"]),
    gatewayOnly,
  );
  assert.deepEqual(gatewayAddresses.map(formatPrefix), ["10.1.2.1/24", "10.0.0.6/32", "fd00::1/64"]);
});

test("the gateway that IPAM gave is kept", () => {
  const gateway = parseIp("10.1.2.254");
  assert.ok(gateway);
  const result: Result = {
    interfaces: [],
    ips: [{ address: prefix("10.1.2.3/24"), gateway, interface: 0 }],
    routes: [],
    dns: {},
  };
  const { ips, gatewayAddresses } = completeAddressing(result, gatewayOnly);
  assert.deepEqual(ips, [{ address: prefix("10.1.2.3/24"), gateway }]);
  assert.deepEqual(gatewayAddresses.map(formatPrefix), ["10.1.2.254/24"]);
});

test("isDefaultGateway: one default route for each family, behind IPAM's routes", () => {
  const other = { dst: prefix("192.168.0.0/16") };
  const { routes } = completeAddressing(ipam(["10.1.2.3/24", "10.2.0.3/24", "fd00::9/64"], [other]), both);
  assert.deepEqual(
    routes.map(({ dst, gw }) => [formatPrefix(dst), gw]),
    [
      ["192.168.0.0/16", undefined],
      ["0.0.0.0/0", parseIp("10.1.2.1")],
      ["::/0", parseIp("fd00::1")],
    ],
  );
});

test("isDefaultGateway: a default route of IPAM's is not doubled, with or without gw", () => {
  for (const gw of [parseIp("10.1.2.9"), undefined]) {
    const route = { dst: prefix("0.0.0.0/0"), ...(gw === undefined ? {} : { gw }) };
    assert.deepEqual(completeAddressing(ipam(["10.1.2.3/24"], [route]), both).routes, [route]);
  }
});
