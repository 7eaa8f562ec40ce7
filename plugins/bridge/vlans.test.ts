import assert from "node:assert/strict";
import { test } from "node:test";
import { assertVlanId, planPortVlans, trunkIds } from "./vlans.ts";

test("VLAN IDs go from 0, which is none, to 4094", () => {
  for (const vlan of [0, 1, 4094]) assertVlanId(vlan);
  for (const vlan of [-100, -1, 4095, 5000]) {
    assert.throws(() => assertVlanId(vlan), {
      message: `invalid VLAN ID ${vlan} (must be between 0 and 4094)`,
    });
  }
});

test("trunk items: nothing, ranges, single IDs, both; ascending, each once", () => {
  assert.deepEqual(trunkIds([]), []);
  assert.deepEqual(trunkIds([{}]), []);
  assert.deepEqual(trunkIds([{ id: 30 }, { minID: 10, maxID: 12 }, { id: 11 }]), [10, 11, 12, 30]);
  assert.deepEqual(trunkIds([{ id: 7, minID: 4093, maxID: 4094 }]), [7, 4093, 4094]);
});

const refused: [object, string][] = [
  [{ minID: 0, maxID: 5 }, "incorrect trunk minID parameter"],
  [{ minID: 4095, maxID: 4096 }, "incorrect trunk minID parameter"],
  [{ minID: -1, maxID: 4 }, "incorrect trunk minID parameter"],
  [{ minID: 5, maxID: 0 }, "incorrect trunk maxID parameter"],
  [{ minID: 5, maxID: 4095 }, "incorrect trunk maxID parameter"],
  [{ minID: 9, maxID: 5 }, "minID is greater than maxID in trunk parameter"],
  [{ maxID: 5 }, "minID and maxID should be configured simultaneously, minID is missing"],
  [{ minID: 5 }, "minID and maxID should be configured simultaneously, maxID is missing"],
  [{ id: 0 }, "incorrect trunk id parameter"],
  [{ id: 4095 }, "incorrect trunk id parameter"],
];

for (const [item, message] of refused) {
  test(`trunk item ${JSON.stringify(item)}: ${message}`, () => {
    assert.throws(() => trunkIds([item]), { message });
  });
}

const native = (id: number) => ({ id, pvid: true, untagged: true });
const tagged = (id: number) => ({ id, pvid: false, untagged: false });

test("a port leaves the default VLAN for its own", () => {
  const config = { vlan: 100, trunk: [], preserveDefaultVlan: false };
  assert.deepEqual(planPortVlans(config, 1), { leave: [1], join: [native(100)] });
  assert.deepEqual(planPortVlans({ ...config, preserveDefaultVlan: true }, 1), {
    leave: [],
    join: [native(100)],
  });
  assert.deepEqual(planPortVlans(config, 0), { leave: [], join: [native(100)] });
  assert.deepEqual(planPortVlans({ ...config, vlan: 1 }, 1), { leave: [], join: [native(1)] });
});

test("a trunk without native VLAN has VLAN 1 as such", () => {
  const config = { vlan: 0, trunk: [101, 200], preserveDefaultVlan: false };
  assert.deepEqual(planPortVlans(config, 1), { leave: [], join: [native(1), tagged(101), tagged(200)] });
  assert.deepEqual(planPortVlans(config, 5), { leave: [5], join: [native(1), tagged(101), tagged(200)] });
});

test("a native VLAN that the trunk lists too stays untagged", () => {
  const config = { vlan: 101, trunk: [101, 200], preserveDefaultVlan: false };
  assert.deepEqual(planPortVlans(config, 1), { leave: [1], join: [native(101), tagged(200)] });
});

test("without VLANs nothing is done", () => {
  assert.deepEqual(planPortVlans({ vlan: 0, trunk: [], preserveDefaultVlan: false }, 1), {
    leave: [],
    join: [],
  });
});
