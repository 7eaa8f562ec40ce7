import assert from "node:assert/strict";
import { test } from "node:test";
import { parseIp } from "../../../shared/ip/address.ts";
import { FakeTable } from "../../../shared/iptables/fake-table.fixture.ts";
import type { AddressRecord } from "../records/records.ts";
import { bridgesWithoutUsers, hasUnrecorded } from "./isolation-users.ts";

/** A namespace that is there, and one that is not. */
const alive = "/proc/self/ns/net";
const dead = "/nonexistent/netns";

function record(text: string, bridge?: string, netns = alive): AddressRecord {
  const address = parseIp(text);
  assert.ok(address !== undefined);
  const owner = { network: "n", containerId: text, ifname: "eth0" };
  const isolation = bridge === undefined ? {} : { isolation: { policy: "isolated", bridge } as const };
  return { address, owner, netns, adminChain: "CNI-ADMIN", ...isolation };
}

const accept = (ip: string) => [
  `-A CNI-FORWARD -d ${ip} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
  `-A CNI-FORWARD -s ${ip} -j ACCEPT`,
];

function unused(
  staying: readonly AddressRecord[],
  lines: readonly string[] = [],
  sources: readonly string[] | "unknown" = [],
  leaving = [record("10.0.0.2", "cni0")],
): readonly string[] {
  const current = new FakeTable("filter", [...lines, ...accept("10.0.0.2/32")]).ruleset;
  return bridgesWithoutUsers(4, current, {
    leaving,
    staying: () => staying,
    sources: () => (sources === "unknown" ? undefined : sources),
  });
}

test("the last attachment of a bridge takes its isolation along", () => {
  assert.deepEqual(unused([]), ["cni0"]);
  assert.deepEqual(unused([record("10.1.0.2", "cni1"), record("10.0.0.9")]), ["cni0"]);
});

test("another attachment of the bridge keeps it", () => {
  assert.deepEqual(unused([record("10.0.0.3", "cni0")]), []);
});

test("an attachment without a policy neither keeps isolation nor takes it along", () => {
  assert.deepEqual(unused([], [], [], [record("10.0.0.2")]), []);
});

test("one that has gone without DEL does not keep it, unless its traffic is still accepted", () => {
  const gone = record("10.0.0.3", "cni0", dead);
  assert.deepEqual(unused([gone]), ["cni0"]);
  assert.deepEqual(unused([gone], accept("10.0.0.3/32")), []);
});

test("what the Go plugin lets through keeps everything", () => {
  assert.deepEqual(unused([record("10.0.0.3", "cni1")], accept("10.0.0.3/32")), ["cni0"], "it has a record");
  assert.deepEqual(unused([], accept("10.0.0.7/32")), []);
  assert.deepEqual(unused([], accept("10.0.0.7/32").slice(1)), []);
  assert.deepEqual(unused([], [], ["10.0.0.7/32"]), []);
  assert.deepEqual(unused([], [], "unknown"), []);
  assert.deepEqual(unused([], [], ["2001:db8::7/128"]), ["cni0"], "it is IPv6");
});

test("rules and sources of people do not", () => {
  const lines = ["-A CNI-FORWARD -s 10.0.0.0/8 -j ACCEPT", "-A CNI-FORWARD -s 10.0.0.7/32 -j DROP"];
  assert.deepEqual(unused([], lines, ["192.168.0.0/16", "00:11:22:33:44:55", "ipset:x"]), ["cni0"]);
});

test("each bridge by itself", () => {
  const leaving = [record("10.0.0.2", "cni0"), record("10.1.0.2", "cni1")];
  assert.deepEqual(unused([record("10.1.0.3", "cni1")], [], [], leaving), ["cni0"]);
});

test("an ADD that is taken back leaves what an attachment without a record may need", () => {
  const own = record("10.0.0.2").address;
  const read = (...lines: string[]) => new FakeTable("filter", [...lines, ...accept("10.0.0.2/32")]).ruleset;
  assert.equal(hasUnrecorded(read(), [own]), false);
  assert.equal(hasUnrecorded(read(...accept("10.0.0.3/32")), [own]), true);
  assert.equal(hasUnrecorded(read(...accept("10.0.0.3/32")), [own, record("10.0.0.3").address]), false);
});
