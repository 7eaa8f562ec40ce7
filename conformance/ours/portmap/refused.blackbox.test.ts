/** What portmap cannot do: the spec's error object, and a host that is exactly as before. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host } from "../../harness/host/host.ts";
import { asObject } from "../../harness/host/json.ts";
import { difference, snapshot } from "../../harness/host/snapshot.ts";
import { callPlugin, type PluginResponse } from "../../harness/plugins/plugin-call.ts";
import {
  beyondPeer,
  call,
  choose,
  configOf,
  hostWith,
  ours,
  rules,
  type Setting,
  succeed,
  tcp,
  v4,
  v6,
} from "./setting.ts";

function assertRefused({ status, stdout, stderr, json }: PluginResponse, code: number, names: RegExp): void {
  assert.equal(status, 1, stdout);
  const error = asObject(json);
  assert.equal(error["code"], code, stdout);
  assert.match(String(error["msg"]), names);
  assert.notEqual(error["details"], undefined, "the error says what to do");
  assert.equal(stderr, "");
}

const { hostPort, ...noHostPort } = tcp(8080, 80);
const { protocol, ...noProtocol } = tcp(8080, 80);

const refusals: [what: string, code: number, names: RegExp, setting: Setting][] = [
  ["host port 0", 7, /Invalid host port number: 0/, { mappings: [tcp(0, 80)] }],
  ["no host port", 7, /Invalid host port number: 0/, { mappings: [noHostPort] }],
  [
    "a host port that is too high",
    7,
    /Invalid host port number: 70000/,
    { mappings: [tcp(1, 1), tcp(70000, 80)] },
  ],
  ["a negative container port", 7, /Invalid container port number: -1/, { mappings: [tcp(8080, -1)] }],
  ["a port as text", 6, /hostPort/, { mappings: [{ ...tcp(1, 1), hostPort: "8080" }] }],
  ["no protocol", 7, /unknown protocol ""/, { mappings: [noProtocol] }],
  [
    "a protocol without ports",
    7,
    /unknown protocol "icmp"/,
    { mappings: [{ ...tcp(1, 1), protocol: "icmp" }] },
  ],
  ["a host address that is none", 7, /10\.1\.0\.0\/16/, { mappings: [tcp(1, 1, "10.1.0.0/16")] }],
  ["a host address with a zone", 7, /fe80::1%eth0/, { mappings: [tcp(1, 1, "fe80::1%eth0")] }],
  ["an unknown backend", 7, /unrecognized backend "foo"/, { keys: { backend: "foo" } }],
  ["an empty backend", 7, /unrecognized backend ""/, { keys: { backend: "" } }],
  [
    "options of iptables for the nftables backend",
    7,
    /nftables backend was requested but configuration contains iptables-specific options \[externalSetMarkChain conditionsV4\]/,
    { keys: { backend: "nftables", externalSetMarkChain: "X", conditionsV4: ["-s", "10.0.0.1"] } },
  ],
  [
    "a condition that the nftables backend cannot express",
    2,
    /unsupported condition in conditionsV4: "tcp dport 80"/,
    { keys: { backend: "nftables", conditionsV4: ["tcp", "dport", "80"] } },
  ],
  ["a mark bit that is too high", 7, /MasqMarkBit must be between 0 and 31/, { keys: { markMasqBit: 32 } }],
  [
    "a mark bit and a mark chain",
    7,
    /Cannot specify externalSetMarkChain and markMasqBit/,
    { keys: { markMasqBit: 3, externalSetMarkChain: "X" } },
  ],
  [
    "a mark chain that is not there",
    7,
    /KUBE-MARK-MASQ/,
    { keys: { externalSetMarkChain: "KUBE-MARK-MASQ" } },
  ],
  ["a mark chain without a name", 7, /externalSetMarkChain/, { keys: { externalSetMarkChain: "" } }],
  ["a mark chain that is an option", 7, /-j ACCEPT/, { keys: { externalSetMarkChain: "-j ACCEPT" } }],
  [
    "conditions of the other backend",
    7,
    /iptables backend was requested but configuration contains nftables-specific options \[conditionsV4 conditionsV6\]/,
    { keys: { conditionsV4: ["ip", "saddr"], conditionsV6: ["ip6"] } },
  ],
  ["a condition with a second line", 7, /conditionsV4/, { keys: { conditionsV4: ["-s", "10.0.0.1\n-F"] } }],
  [
    "a condition unknown to iptables",
    102,
    /no-such-option/,
    { keys: { conditionsV4: ["--no-such-option"] } },
  ],
  [
    "a condition unknown to ip6tables, when IPv4 is done already",
    102,
    /no-such-option/,
    { keys: { conditionsV6: ["--no-such-option"] }, ips: [v4, v6] },
  ],
];

for (const [what, code, names, setting] of refusals) {
  test(`ADD refuses ${what}`, beyondPeer, async (t) => {
    const host = await hostWith(t, "nft");
    const before = snapshot(host);
    assertRefused(call(host, ours, "ADD", setting), code, names);
    assert.equal(difference(before, snapshot(host)), "");
  });
}

test("what other containers use is left to them when an ADD is undone", beyondPeer, async (t) => {
  const host = await hostWith(t, "nft");
  const neighbour = { containerId: "neighbour", mappings: [tcp(80, 80)], ips: [v4, v6] };
  succeed(host, ours, "ADD", neighbour);
  const before = snapshot(host);
  const failing = { keys: { conditionsV6: ["--no-such-option"], markMasqBit: 7 }, ips: [v4, v6] };
  assertRefused(call(host, ours, "ADD", failing), 102, /no-such-option/);
  const left = difference(before, snapshot(host));
  assert.doesNotMatch(left, /CNI-DN-|: - /);
  succeed(host, ours, "CHECK", neighbour);
});

test("without the result of a plugin before it", beyondPeer, async (t) => {
  const host = await hostWith(t, "nft");
  const { prevResult: _, ...alone } = configOf({});
  const environment = { containerId: "c1id", netns: "/run/netns/c1", ifname: "eth0" };
  assertRefused(
    callPlugin(host, ours, { ...environment, command: "ADD" }, alone),
    7,
    /must be called as chained plugin/,
  );
  assertRefused(
    callPlugin(host, ours, { ...environment, command: "CHECK" }, alone),
    7,
    /Required prevResult missing/,
  );
});

/** As on a machine without the package: the alternatives' links lead nowhere. */
function uninstall(host: Host, ...tools: string[]): void {
  for (const tool of tools)
    host.run(
      "rm",
      [tool, `${tool}-save`, `${tool}-restore`].map((name) => `/etc/alternatives/${name}`),
    );
}

test("without iptables", beyondPeer, async (t) => {
  const host = await hostWith(t, "nft");
  uninstall(host, "iptables", "ip6tables");
  assertRefused(call(host, ours, "ADD", {}), 101, /iptables not found/);
  assertRefused(call(host, ours, "CHECK", {}), 101, /iptables not found/);
  assertRefused(call(host, ours, "STATUS", {}), 50, /iptables not found/);
  succeed(host, ours, "ADD", { mappings: [] });
  succeed(host, ours, "DEL", {});
});

test("rules of a removed iptables are not forgotten", beyondPeer, async (t) => {
  const host = await hostWith(t, "nft");
  succeed(host, ours, "ADD", {});
  const before = rules(host);
  uninstall(host, "iptables", "ip6tables");
  assertRefused(call(host, ours, "DEL", {}), 101, /iptables not found/);
  succeed(host, ours, "DEL", { containerId: "other" });
  succeed(host, ours, "GC", {});
  choose(host, "nft");
  assert.deepEqual(rules(host), before);
  succeed(host, ours, "DEL", {});
  assert.ok(!rules(host).ipv4.some((line) => line.includes("8080")));
});

test("without ip6tables only IPv6 cannot be published", beyondPeer, async (t) => {
  const host = await hostWith(t, "nft");
  uninstall(host, "ip6tables");
  const before = host.run("iptables-save", []).stdout.replaceAll(/^#.*$/gm, "");
  assertRefused(call(host, ours, "ADD", { ips: [v4, v6] }), 101, /ip6tables not found/);
  assert.equal(host.run("iptables-save", []).stdout.replaceAll(/^#.*$/gm, ""), before);
  for (const setting of [{ ips: [v4] }, { ips: [v4, v6], mappings: [tcp(80, 80, "192.0.2.1")] }]) {
    succeed(host, ours, "ADD", setting);
    succeed(host, ours, "CHECK", setting);
    succeed(host, ours, "DEL", setting);
  }
});

test("STATUS tells what ADD would", beyondPeer, async (t) => {
  const host = await hostWith(t, "nft");
  succeed(host, ours, "STATUS", {});
  const before = snapshot(host);
  succeed(host, ours, "STATUS", { keys: { backend: "nftables" } });
  assert.equal(difference(before, snapshot(host)), "");
  assertRefused(call(host, ours, "STATUS", { keys: { markMasqBit: 40 } }), 7, /MasqMarkBit/);
  const marked = { keys: { externalSetMarkChain: "KUBE-MARK-MASQ" } };
  assertRefused(call(host, ours, "STATUS", marked), 50, /chain KUBE-MARK-MASQ not found/);
  host.run("ip6tables", ["-t", "nat", "-N", "KUBE-MARK-MASQ"]);
  succeed(host, ours, "STATUS", marked);
  succeed(host, ours, "ADD", { ...marked, ips: [v6] });
  succeed(host, ours, "DEL", { ...marked, ips: [v6] });
});
