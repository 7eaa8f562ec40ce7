import assert from "node:assert/strict";
import { test } from "node:test";
import { isJsonObject, readJson } from "../../../shared/cni/json-read.ts";
import { parsePrefix } from "../../../shared/ip/prefix.ts";
import { FakeTable } from "../../../shared/iptables/fake-table.fixture.ts";
import { configFor, decodeConfig } from "../config.ts";
import { missingRule } from "./missing.ts";
import { containerChain } from "./names.ts";
import { planChainRemoval, planPublishing, planSharedRemoval, planUnpublishing } from "./plan.ts";
import { staleChains } from "./removal.ts";
import { desiredRules, publishedPorts } from "./rules.ts";

const network = "mynet";
const mappings = [
  { hostPort: 8080, containerPort: 80, protocol: "tcp" },
  { hostPort: 53, containerPort: 54, protocol: "udp", hostIP: "192.0.2.1" },
];

function desired(containerId: string, keys: object = {}, owner = network, portMappings: object[] = mappings) {
  const document = readJson(JSON.stringify({ ...keys, runtimeConfig: { portMappings } }));
  const address = parsePrefix("10.0.0.2/24");
  assert.ok(isJsonObject(document) && address !== undefined);
  const config = configFor(decodeConfig({ document }), "iptables");
  const attachment = { network: owner, containerId, ifname: "eth0" };
  return desiredRules({ attachment, config, family: 4, container: address });
}

test("what was added is complete, and adding it again is nothing to do", () => {
  const table = new FakeTable("nat");
  const wanted = desired("c");
  assert.equal(missingRule(table.ruleset, wanted), `chain ${wanted.chain} not found in iptables table nat`);
  table.apply(planPublishing(table.ruleset, wanted));
  assert.equal(missingRule(table.ruleset, wanted), undefined);
  assert.ok(planPublishing(table.ruleset, wanted).isEmpty);
});

test("ADD and CHECK of many ports take a time that is linear in their number", { timeout: 60_000 }, () => {
  const ports = Array.from({ length: 6_000 }, (_, index) => index + 1);
  const all = ports.map((port) => ({ hostPort: port, containerPort: port, protocol: "tcp" }));
  const wanted = desired("c", {}, network, all);
  const table = new FakeTable("nat");
  table.apply(planPublishing(table.ruleset, wanted));
  assert.equal(missingRule(table.ruleset, wanted), undefined);
  assert.ok(planPublishing(table.ruleset, wanted).isEmpty);
});

test("rules with conditions are made anew", () => {
  const table = new FakeTable("nat");
  const wanted = desired("c", { conditionsV4: ["!", "-d", "10.9.0.0/16"] });
  table.apply(planPublishing(table.ruleset, wanted));
  const { text } = table;
  table.apply(planPublishing(table.ruleset, wanted));
  assert.equal(table.text, text);
});

test("whatever is missing is told", () => {
  const wanted = desired("c");
  const complete = new FakeTable("nat");
  complete.apply(planPublishing(complete.ruleset, wanted));
  for (const chain of complete.ruleset.chains) {
    for (const rule of complete.ruleset.rules(chain)) {
      const table = new FakeTable("nat");
      table.apply(planPublishing(table.ruleset, wanted));
      const removal = planChainRemoval(table.ruleset, []);
      removal.deleteRule(chain, rule);
      table.apply(removal);
      assert.match(
        missingRule(table.ruleset, wanted) ?? "",
        new RegExp(`^rule \\[.*\\] in chain ${chain} not found`),
      );
    }
  }
});

test("a chain of somebody else has to be there", () => {
  const table = new FakeTable("nat");
  const wanted = desired("c", { externalSetMarkChain: "THEIRS" });
  assert.throws(
    () => planPublishing(table.ruleset, wanted),
    /chain THEIRS not found in table nat of iptables/,
  );
});

test("removal takes one container's chain and every jump to it, and no more", () => {
  const table = new FakeTable("nat");
  table.apply(planPublishing(table.ruleset, desired("kept")));
  const { text } = table;
  table.apply(planPublishing(table.ruleset, desired("gone")));
  table.add("OUTPUT", ["-m", "comment", "--comment", 'by "hand"', "-j", containerChain(network, "gone")]);
  const chains = [containerChain(network, "gone"), "CNI-SN-not-there"];
  table.apply(planChainRemoval(table.ruleset, chains));
  assert.equal(table.text, text);
  assert.ok(planChainRemoval(table.ruleset, chains).isEmpty);
});

test("an ADD that is undone leaves the table as it was", () => {
  for (const earlier of [[], ["neighbour"], ["c"]]) {
    const table = new FakeTable("nat");
    for (const id of earlier) table.apply(planPublishing(table.ruleset, desired(id, { snat: false })));
    const { text } = table;
    const added = planPublishing(table.ruleset, desired("c"));
    assert.ok(!added.isEmpty);
    table.apply(added);
    assert.notEqual(table.text, text);
    table.apply(planUnpublishing(table.ruleset, added.operations, containerChain(network, "c")));
    table.apply(planSharedRemoval(table.ruleset, added.operations));
    assert.equal(table.text, text);
  }
});

test("an ADD that is undone leaves shared chains that others have begun to use", () => {
  const table = new FakeTable("nat");
  const added = planPublishing(table.ruleset, desired("c"));
  table.apply(added);
  table.apply(planPublishing(table.ruleset, desired("neighbour")));
  table.apply(planUnpublishing(table.ruleset, added.operations, containerChain(network, "c")));
  table.apply(planSharedRemoval(table.ruleset, added.operations));
  assert.equal(missingRule(table.ruleset, desired("neighbour")), undefined);
  assert.ok(!table.ruleset.has(containerChain(network, "c")));
});

test("stale are the chains of this network's containers that are not listed", () => {
  const long = "x".repeat(300);
  const table = new FakeTable("nat");
  for (const id of ["kept", "stale", long]) table.apply(planPublishing(table.ruleset, desired(id)));
  table.apply(planPublishing(table.ruleset, desired("stale", {}, "othernet")));
  const byHand = ["-m", "comment", "--comment", 'dnat name: "mynet" id: "other"', "-j", "CNI-DN-by-hand"];
  table.add("CNI-HOSTPORT-DNAT", byHand);
  assert.deepEqual(staleChains(table.ruleset, network, [{ containerId: "kept" }]), [
    ...[containerChain(network, "stale"), containerChain(network, long)],
  ]);
  assert.deepEqual(staleChains(table.ruleset, network, [{ containerId: "kept" }, { containerId: long }]), [
    containerChain(network, "stale"),
  ]);
  assert.deepEqual(staleChains(new FakeTable("nat").ruleset, network, []), []);
});

test("installed rules tell what is published", () => {
  const table = new FakeTable("nat");
  const { chain } = desired("c");
  table.apply(planPublishing(table.ruleset, desired("c")));
  table.add(chain, [
    "-p",
    "udp",
    "-m",
    "udp",
    "--dport",
    "9",
    "-j",
    "DNAT",
    "--to-destination",
    "[2001:db8::2]:10",
  ]);
  table.add(chain, ["-j", "DNAT", "--to-destination", "10.0.0.9"]);
  const container = { family: 4, value: 0x0a000002n };
  assert.deepEqual(publishedPorts(table.ruleset, [chain, "CNI-SN-not-there"]), [
    { protocol: "tcp", hostPort: 8080, container, containerPort: 80 },
    {
      protocol: "udp",
      hostPort: 53,
      hostIp: { family: 4, value: 0xc0000201n },
      container,
      containerPort: 54,
    },
    {
      protocol: "udp",
      hostPort: 9,
      container: { family: 6, value: 0x20010db8n * 2n ** 96n + 2n },
      containerPort: 10,
    },
  ]);
});
