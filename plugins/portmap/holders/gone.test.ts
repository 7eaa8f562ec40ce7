import assert from "node:assert/strict";
import { test } from "node:test";
import type { AttachmentKey } from "../../../shared/cni/attachment-key.ts";
import { type IpAddress, parseIp } from "../../../shared/ip/address.ts";
import { type Evidence, type Holder, isHolderGone } from "./gone.ts";

function ip(text: string): IpAddress {
  const address = parseIp(text);
  assert.ok(address !== undefined);
  return address;
}

const owner = (network: string, containerId: string): AttachmentKey => ({
  network,
  containerId,
  ifname: "eth0",
});
const dead = owner("mynet", "dead");
const holder: Holder = {
  words: "container dead of network mynet",
  address: ip("10.0.0.2"),
  isOf: (network) => network === "mynet",
  is: ({ network, containerId }) => network === "mynet" && containerId === "dead",
};
const other = owner("mynet", "other");
const elsewhere = owner("tenant", "other");
const noted = (whose: AttachmentKey, namespace: "there" | "gone" | "unknown") => [
  { owner: whose, namespace },
];

function verdict(known: {
  hostEnds?: AttachmentKey[];
  noted?: ReturnType<Evidence["noted"]>;
  leases?: AttachmentKey[];
  places?: ReturnType<Evidence["places"]>;
  newcomer?: AttachmentKey;
}): boolean {
  return isHolderGone(holder, {
    newcomer: known.newcomer ?? owner("mynet", "newcomer"),
    hostEnds: () => known.hostEnds ?? [],
    noted: () => known.noted ?? [],
    leases: () => known.leases ?? [],
    // Somebody has the address, unless it is said.
    places: () => ("places" in known ? known.places : [{}]),
  });
}

test("a holder that is there keeps its ports, whatever else is said", () => {
  const against = { leases: [other], places: [], hostEnds: [other] };
  assert.equal(verdict(against), true);
  assert.equal(verdict({ ...against, hostEnds: [other, dead] }), false);
  assert.equal(verdict({ ...against, noted: noted(dead, "there") }), false);
});

test("a namespace that the runtime has noted, and that is gone", () => {
  assert.equal(verdict({ noted: noted(dead, "gone") }), true);
  assert.equal(verdict({ noted: [...noted(dead, "gone"), ...noted(dead, "unknown")] }), false);
  assert.equal(verdict({ noted: noted(other, "gone") }), false);
});

test("a lease that is another container's by now", () => {
  assert.equal(verdict({ leases: [other] }), false, "nobody knows whether that one is there");
  for (const there of [{ newcomer: other }, { hostEnds: [other] }, { noted: noted(other, "there") }]) {
    assert.equal(verdict({ leases: [other], ...there }), true);
    assert.equal(verdict({ leases: [other, dead], ...there }), false);
  }
  assert.equal(verdict({ leases: [elsewhere], hostEnds: [elsewhere] }), false, "another network's lease");
});

test("an address that nobody has who could be the holder", () => {
  assert.equal(verdict({ places: [] }), true);
  assert.equal(verdict({ places: [{ owner: other }, { owner: elsewhere }] }), true);
  assert.equal(verdict({ places: [{ owner: other }, {}] }), false);
  assert.equal(verdict({ places: [{ owner: dead }] }), false);
  assert.equal(verdict({ places: undefined }), false, "not all can be seen");
});

test("who is not known never makes way", () => {
  const evidence: Evidence = {
    ...{ newcomer: other, hostEnds: () => [], noted: () => noted(dead, "gone") },
    ...{ leases: () => [], places: () => [] },
  };
  assert.equal(isHolderGone(holder, evidence), true);
  assert.equal(isHolderGone({ ...holder, words: undefined }, evidence), false);
  assert.equal(isHolderGone({ ...holder, address: undefined }, evidence), false);
});
