import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type DatedLease, selectUnused } from "./reclaim.ts";

const lease = (name: string, containerId: string, earlier = true): DatedLease => ({
  name,
  lease: { kind: "lease", containerId, ifname: "eth0" },
  earlier,
});
const nobody = { addresses: new Set<string>(), processes: "" };
const names = (leases: readonly { name: string }[]): string[] => leases.map(({ name }) => name);

test("what is of an earlier boot and used by nobody is selected", () => {
  const leases = [lease("10.0.0.2", "a"), lease("10.0.0.3", "b"), lease("10.0.0.4", "c", false)];
  assert.deepEqual(names(selectUnused(leases, [], nobody)), ["10.0.0.2", "10.0.0.3"]);
});

test("each sign of use keeps a lease", () => {
  const leases = [lease("10.0.0.2", "a1b2"), lease("fd00::2", "a1b2"), lease("10.0.0.3", "c3d4")];
  const selected = (others: DatedLease[], use = nobody): string[] => names(selectUnused(leases, others, use));
  assert.deepEqual(selected([lease("10.9.0.1", "a1b2", false)]), ["10.0.0.3"]);
  assert.deepEqual(selected([lease("10.9.0.1", "a1b2", true)]).length, 3);
  assert.deepEqual(selected([], { ...nobody, addresses: new Set(["fd00::2"]) }), ["10.0.0.2", "10.0.0.3"]);
  assert.deepEqual(selected([], { ...nobody, processes: "0::/k8s/cri-a1b2.scope\n" }), ["10.0.0.3"]);
  const written = [lease("FD00:0::2", "a")];
  assert.deepEqual(selectUnused(written, [], { ...nobody, addresses: new Set(["fd00::2"]) }), []);
});

test("leases that name no container stay", () => {
  const foreign: DatedLease = { name: "10.0.0.2", lease: { kind: "foreign" }, earlier: true };
  assert.deepEqual(selectUnused([foreign], [], nobody), []);
});

test("property: no address in use, and no lease of this boot, is ever selected", () => {
  const some = fc.array(
    fc
      .tuple(fc.integer({ min: 2, max: 9 }), fc.constantFrom("aa", "bb", "cc"), fc.boolean())
      .map(([host, id, earlier]) => lease(`10.0.0.${host}`, id, earlier)),
  );
  const used = fc.array(fc.integer({ min: 2, max: 9 }));
  fc.assert(
    fc.property(some, some, used, fc.constantFrom("", "x-aa", "bb cc"), (own, others, hosts, processes) => {
      const addresses = new Set(hosts.map((host) => `10.0.0.${host}`));
      const attached = [...own, ...others].filter(({ earlier }) => !earlier);
      for (const { name, lease: selected } of selectUnused(own, others, { addresses, processes })) {
        assert.ok(!addresses.has(name));
        assert.ok(selected.kind === "lease" && !processes.includes(selected.containerId));
        assert.ok(
          !attached.some(
            ({ lease: live }) => live.kind === "lease" && live.containerId === selected.containerId,
          ),
        );
      }
    }),
  );
});
