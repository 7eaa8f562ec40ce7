import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyResult } from "../../shared/cni/result.fixture.ts";
import { formatIp } from "../../shared/ip/address.ts";
import { parsePrefix } from "../../shared/ip/prefix.ts";
import { addressesOf } from "./attachment.ts";

test("every address once, whatever its prefix length", () => {
  const ips = ["10.0.0.2/24", "2001:db8::2/64", "10.0.0.2/16", "::ffff:10.0.0.2/128", "10.0.0.3/24"]
    .map(parsePrefix)
    .filter((address) => address !== undefined)
    .map((address) => ({ address }));
  assert.equal(ips.length, 5);
  const addresses = addressesOf({ ...emptyResult, ips });
  assert.deepEqual(addresses.map(formatIp), ["10.0.0.2", "2001:db8::2", "10.0.0.3"]);
});
