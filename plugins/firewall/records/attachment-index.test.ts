import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, test } from "node:test";
import type { AttachmentKey } from "../../../shared/cni/attachment-key.ts";
import { type IpAddress, parseIp, sameIp } from "../../../shared/ip/address.ts";
import { addToIndex, indexedAddresses, removeStaleEntries } from "./attachment-index.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/firewall-marks-`);
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function address(text: string): IpAddress {
  const parsed = parseIp(text);
  assert.ok(parsed !== undefined);
  return parsed;
}

const one: AttachmentKey = { network: "net", containerId: "c1", ifname: "eth0" };
const other: AttachmentKey = { ...one, ifname: "eth0_10.0.0.2" };
const four = address("10.0.0.2");
const six = address("2001:db8::2");

/** Those of the marked addresses that are the attachment's by their records, as DEL sees it. */
function own(owner: AttachmentKey, ownerNow: (address: IpAddress) => AttachmentKey | undefined): IpAddress[] {
  return indexedAddresses(directory, owner, ownerNow).filter((address) => ownerNow(address) === owner);
}

test("an attachment's addresses are those of its own marks", () => {
  const ownerNow = (asked: IpAddress) => (sameIp(asked, address("10.0.0.9")) ? other : one);
  assert.deepEqual(indexedAddresses(`${directory}/nothing`, one, ownerNow), []);
  addToIndex(directory, one, four);
  addToIndex(directory, one, six);
  addToIndex(directory, other, address("10.0.0.9"));
  assert.deepEqual(own(one, ownerNow), [four, six]);
  assert.deepEqual(own(other, ownerNow), [address("10.0.0.9")]);
});

test("marks of records that are gone or another's go, with all or with the attachment's", () => {
  const nine = address("10.0.0.9");
  const third: AttachmentKey = { ...one, containerId: "c3" };
  const ownerNow = (asked: IpAddress) => (sameIp(asked, six) ? one : sameIp(asked, nine) ? other : undefined);
  for (const marked of [four, six, nine]) addToIndex(directory, one, marked);
  addToIndex(directory, other, nine);
  addToIndex(directory, third, six);
  assert.deepEqual(own(one, ownerNow), [six]);
  assert.deepEqual(readdirSync(directory).sort(), [
    ".of-net_c1_eth0_10.0.0.2_10.0.0.9",
    ".of-net_c1_eth0_2001:db8::2",
    ".of-net_c3_eth0_2001:db8::2",
  ]);
  removeStaleEntries(directory, ownerNow);
  assert.deepEqual(readdirSync(directory).sort(), [
    ".of-net_c1_eth0_10.0.0.2_10.0.0.9",
    ".of-net_c1_eth0_2001:db8::2",
  ]);
});

test("names that are too long for a file end in the same way", () => {
  const long: AttachmentKey = { network: "n".repeat(300), containerId: "c".repeat(300), ifname: "eth0" };
  addToIndex(directory, long, six);
  assert.deepEqual(
    own(long, () => long),
    [six],
  );
});
