import assert from "node:assert/strict";
import { test } from "node:test";
import { parseIp } from "../../shared/ip/address.ts";
import { announcement } from "./announcement.ts";

const mac = Uint8Array.of(2, 0, 0, 0, 0, 9);

function frame(address: string): string {
  const parsed = parseIp(address);
  assert.ok(parsed);
  return Buffer.from(announcement(mac, parsed)).toString("hex");
}

test("IPv4: an ARP request for the own address, to everybody", () => {
  assert.equal(
    frame("10.1.2.3"),
    "ffffffffffff0200000000090806" + "0001080006040001" + "0200000000090a010203" + "0000000000000a010203",
  );
});

test("IPv6: an advertisement to all nodes, with a checksum that adds up", () => {
  const hex = frame("fd00::3");
  const ip = "fd000000000000000000000000000003";
  assert.ok(hex.startsWith(`333300000001020000000009${"86dd6000000000203aff"}${ip}ff02${"00".repeat(13)}01`));
  assert.match(hex.slice(108), new RegExp(`^8800[0-9a-f]{4}20000000${ip}0201020000000009$`));
  const bytes = Buffer.from(hex, "hex");
  const covered = Buffer.concat([
    bytes.subarray(22, 54),
    Buffer.from([0, 0, 0, 32, 0, 0, 0, 58]),
    bytes.subarray(54),
  ]);
  let sum = 0;
  for (let index = 0; index < covered.length; index += 2) sum += covered.readUInt16BE(index);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  assert.equal(sum, 0xffff);
});
