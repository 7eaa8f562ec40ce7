import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyResult } from "../../shared/cni/result.fixture.ts";
import type { ResultIp } from "../../shared/cni/result.ts";
import { formatPrefix, type IpPrefix, parsePrefix } from "../../shared/ip/prefix.ts";
import { containerAddresses } from "./publication.ts";

function prefix(text: string): IpPrefix {
  const parsed = parsePrefix(text);
  assert.ok(parsed !== undefined);
  return parsed;
}

const interfaces = [{ name: "cni0" }, { name: "eth0", sandbox: "/ns" }, { name: "eth1", sandbox: "/ns" }];

function chosen(...ips: [address: string, index?: number][]): string[] {
  const list = ips.map(
    ([address, index]): ResultIp => ({
      address: prefix(address),
      ...(index === undefined ? {} : { interface: index }),
    }),
  );
  const addresses = containerAddresses({ ...emptyResult, interfaces, ips: list }, "eth0");
  return [addresses[4], addresses[6]].flatMap((address) =>
    address === undefined ? [] : [formatPrefix(address)],
  );
}

test("the first address of each family is taken", () => {
  assert.deepEqual(chosen(["2001:db8::2/64", 1], ["10.0.0.2/24", 1], ["10.0.0.3/24", 1]), [
    ...["10.0.0.2/24", "2001:db8::2/64"],
  ]);
});

test("addresses of the host and of other interfaces are passed over", () => {
  assert.deepEqual(chosen(["10.0.0.1/24", 0], ["10.0.0.9/24", 2], ["10.0.0.2/24", 1]), ["10.0.0.2/24"]);
  assert.deepEqual(chosen(["10.0.0.1/24", 0]), []);
});

test("an address of which the result does not tell the interface is taken", () => {
  assert.deepEqual(chosen(["10.0.0.2/24"]), ["10.0.0.2/24"]);
  assert.deepEqual(chosen(["10.0.0.2/24", 7]), ["10.0.0.2/24"]);
  assert.deepEqual(chosen(["10.0.0.2/24", -1]), ["10.0.0.2/24"]);
  assert.deepEqual(chosen(), []);
});
