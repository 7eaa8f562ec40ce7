/** DEL and GC need nothing but names; CHECK names what is missing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host } from "../../harness/host/host.ts";
import { iptablesSave } from "../../harness/host/inspect.ts";
import { asObject, type JsonObject } from "../../harness/host/json.ts";
import { type Command, callPlugin } from "../../harness/plugins/plugin-call.ts";
import {
  beyondPeer,
  call,
  configOf,
  hostWith,
  ours,
  peers,
  rules,
  succeed,
  tcp,
  udp,
  v4,
  v6,
} from "./setting.ts";

const chain = "CNI-DN-c465c05654907699deadd";
const both = { ips: [v4, v6], mappings: [tcp(8080, 80), udp(53, 53)] };

function ofContainers(host: Host): string[] {
  const { ipv4, ipv6 } = rules(host);
  return [...ipv4, ...ipv6].filter((line) => /CNI-[DS]N-/.test(line));
}

function succeedWith(host: Host, command: Command, config: JsonObject, netns = ""): void {
  const environment = { command, containerId: "c1id", netns, ifname: "eth0" };
  const { status, stdout, stderr } = callPlugin(host, ours, environment, config);
  assert.equal(`${status} ${stdout}${stderr}`, "0 ", command);
}

const { runtimeConfig, prevResult, ...bare } = configOf(both);

const configs: Record<string, JsonObject> = {
  "with nothing but names": { cniVersion: "1.1.0", name: "mynet", type: "portmap" },
  "without mappings": { ...bare, prevResult },
  "without a previous result": { ...bare, runtimeConfig },
  "with broken mappings": { ...bare, runtimeConfig: { portMappings: [{ hostPort: "x" }, 7] } },
  "with a broken previous result": { ...bare, prevResult: { ips: [{ address: "x" }] } },
  "with wrong types": { ...bare, markMasqBit: "13", conditionsV4: 5, backend: "iptables" },
};

for (const [what, config] of Object.entries(configs)) {
  test(`DEL ${what}, without a namespace, twice`, beyondPeer, async (t) => {
    const host = await hostWith(t, "nft");
    succeed(host, peers, "ADD", both);
    assert.notDeepEqual(ofContainers(host), []);
    succeedWith(host, "DEL", config);
    assert.deepEqual(ofContainers(host), []);
    succeedWith(host, "DEL", config);
  });
}

for (const flavour of ["nft", "legacy"] as const) {
  test(
    `${flavour}: DEL takes rules that others made for the container's chain along`,
    beyondPeer,
    async (t) => {
      const host = await hostWith(t, flavour);
      succeed(host, ours, "ADD", {});
      const legacy = chain.replace("DN", "SN");
      for (const args of [
        ["-A", "CNI-HOSTPORT-DNAT", "-p", "udp", "-j", chain],
        ["-A", "OUTPUT", "-m", "comment", "--comment", 'by "hand"', "-j", chain],
        ["-N", legacy],
        ["-N", "CNI-HOSTPORT-SNAT"],
        ["-A", "CNI-HOSTPORT-SNAT", "-j", legacy],
        ["-A", chain, "-j", "RETURN"],
      ]) {
        host.run("iptables", ["-t", "nat", ...args]);
      }
      succeed(host, ours, "DEL", {});
      assert.deepEqual(ofContainers(host), []);
      assert.ok(iptablesSave(host, "ipv4", "nat").includes("nat :CNI-HOSTPORT-DNAT -"));
    },
  );
}

test("DEL where nothing is there changes nothing", async (t) => {
  const host = await hostWith(t, "nft");
  succeed(host, ours, "DEL", {});
  assert.deepEqual(rules(host), { ipv4: [], ipv6: [] });
});

test("CHECK names the first thing that is missing and mends nothing", beyondPeer, async (t) => {
  const host = await hostWith(t, "nft");
  succeed(host, ours, "ADD", {});
  const dnat = ["-p", "tcp", "-m", "tcp", "--dport", "8080", "-j", "DNAT", "--to-destination", "10.0.0.2:80"];
  const local = ["-m", "addrtype", "--dst-type", "LOCAL", "-j", "CNI-HOSTPORT-DNAT"];
  for (const [place, rule, named] of [
    [chain, dnat, /DNAT --to-destination 10\.0\.0\.2:80/],
    ["PREROUTING", local, /PREROUTING/],
    ["OUTPUT", local, /OUTPUT/],
    ["CNI-HOSTPORT-MASQ", ["-m", "mark", "--mark", "0x2000/0x2000", "-j", "MASQUERADE"], /MASQUERADE/],
  ] as const) {
    host.run("iptables", ["-t", "nat", "-D", place, ...rule]);
    const before = rules(host);
    const { status, json } = call(host, ours, "CHECK", {});
    assert.equal(status, 1);
    assert.equal(asObject(json)["code"], 105);
    assert.match(
      String(asObject(json)["msg"]),
      /^could not check ipv4 dnat: rule .* not found in table nat$/,
    );
    assert.match(String(asObject(json)["msg"]), named);
    assert.deepEqual(rules(host), before);
    host.run("iptables", ["-t", "nat", "-A", place, ...rule]);
  }
  succeed(host, ours, "CHECK", {});
  succeed(host, ours, "DEL", {});
  const { json } = call(host, ours, "CHECK", {});
  assert.equal(
    asObject(json)["msg"],
    `could not check ipv4 dnat: chain ${chain} not found in iptables table nat`,
  );
});

test("CHECK with other mappings than were added", beyondPeer, async (t) => {
  const host = await hostWith(t, "nft");
  succeed(host, ours, "ADD", {});
  for (const mappings of [[tcp(8081, 80)], [tcp(8080, 81)], [tcp(8080, 80), udp(8080, 80)]]) {
    assert.equal(asObject(call(host, ours, "CHECK", { mappings }).json)["code"], 105);
  }
  assert.equal(
    asObject(call(host, ours, "CHECK", { keys: { conditionsV4: ["-s", "10.1.1.1"] } }).json)["code"],
    105,
  );
});

test(
  "GC removes the rules of this network's other containers, of no other network",
  beyondPeer,
  async (t) => {
    const host = await hostWith(t, "nft");
    const long = "x".repeat(300);
    const otherLong = "y".repeat(300);
    const ids = ["kept", "stale", long, otherLong];
    const setting = (containerId: string, port = 8080 + ids.indexOf(containerId)) => ({
      ...both,
      containerId,
      mappings: [tcp(port, 80), udp(port, 53)],
    });
    for (const containerId of ids) {
      succeed(host, containerId === "stale" ? peers : ours, "ADD", setting(containerId));
    }
    const elsewhere = { ...setting("stale", 9090), network: "mynet2" };
    succeed(host, ours, "ADD", elsewhere);
    const attachment = (containerID: string) => ({ containerID, ifname: "eth0" });

    const { prevResult: _, runtimeConfig: __, ...config } = configOf({});
    const before = rules(host);
    succeedWith(host, "GC", config);
    assert.deepEqual(rules(host), before, "without a list nothing is known to be stale");

    const valid = [attachment("kept"), attachment(long)];
    succeedWith(host, "GC", { ...config, "cni.dev/valid-attachments": valid });
    for (const containerId of ["kept", long]) succeed(host, ours, "CHECK", setting(containerId));
    succeed(host, ours, "CHECK", elsewhere);
    const chains = iptablesSave(host, "ipv4", "nat").filter((line) => line.startsWith("nat :CNI-DN-"));
    assert.equal(chains.length, 3);
    assert.equal(
      iptablesSave(host, "ipv6", "nat").filter((line) => line.startsWith("nat :CNI-DN-")).length,
      3,
    );

    succeedWith(host, "GC", { ...config, "cni.dev/valid-attachments": [] });
    assert.equal(
      iptablesSave(host, "ipv4", "nat").filter((line) => line.startsWith("nat :CNI-DN-")).length,
      1,
    );
  },
);
