/** The nftables backend: what is in the kernel, what comes back after a flush, and that either backend cleans up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host } from "../../harness/host/host.ts";
import { conntrack } from "../../harness/host/inspect.ts";
import { asObject, type JsonObject } from "../../harness/host/json.ts";
import { difference, snapshot } from "../../harness/host/snapshot.ts";
import { readConflist } from "../../harness/plugins/conflist.ts";
import { type Command, callPlugin } from "../../harness/plugins/plugin-call.ts";
import { addOutside, serveHttp } from "../../harness/traffic/traffic.ts";
import {
  addressOf,
  assertNoPage,
  assertPage,
  assertRefused,
  type Call,
  call,
  configOf,
  families,
  gateway,
  hostAddress,
  listing,
  network,
  outside,
  succeed,
  url,
} from "./network.ts";
import { beyondPeer, hostWith, ours, peers, rules, tcp, udp } from "./setting.ts";

const sctp = { hostPort: 9000, containerPort: 90, protocol: "sctp" };

/** What a container has in a table, and how it is found there. */
const elements = `
table ip cni_portmap {
	map address_targets {
		elements = { 192.0.2.1 . 6 . 8081 comment "mynet/c1/eth0" : 10.22.0.2 . 81 }
	}
	map port_targets {
		elements = { 132 . 9000 comment "mynet/c1/eth0" : 10.22.0.2 . 90,
			     6 . 8080 comment "mynet/c1/eth0" : 10.22.0.2 . 80,
			     17 . 5353 comment "mynet/c1/eth0" : 10.22.0.2 . 53 }
	}
	map address_chains {
		elements = { 192.0.2.1 . 6 . 8081 comment "mynet/c1/eth0" : jump address_mark13_if_HASH_from_10.22.0.0/24 }
	}
	map port_chains {
		elements = { 132 . 9000 comment "mynet/c1/eth0" : jump port_mark13_if_HASH_from_10.22.0.0/24,
			     6 . 8080 comment "mynet/c1/eth0" : jump port_mark13_if_HASH_from_10.22.0.0/24,
			     17 . 5353 comment "mynet/c1/eth0" : jump port_mark13_if_HASH_from_10.22.0.0/24 }
	}
	map sources {
		elements = { 10.22.0.2 comment "mynet/c1/eth0" : jump from_10.22.0.0/24 }
	}
	chain hostports {
		ip daddr . meta l4proto . th dport vmap @address_chains
		meta l4proto . th dport vmap @port_chains
	}
	chain address_mark13_if_HASH_from_10.22.0.0/24 {
		comment "ip daddr != 192.0.2.77"
		ip daddr != 192.0.2.77 ip saddr 10.22.0.0/24 meta mark set meta mark | 0x00002000 dnat ip to ip daddr . meta l4proto . th dport map @address_targets
		ip daddr != 192.0.2.77 ip saddr 127.0.0.0/8 meta mark set meta mark | 0x00002000 dnat ip to ip daddr . meta l4proto . th dport map @address_targets
		ip daddr != 192.0.2.77 dnat ip to ip daddr . meta l4proto . th dport map @address_targets
	}
	chain port_mark13_if_HASH_from_10.22.0.0/24 {
		comment "ip daddr != 192.0.2.77"
		ip daddr != 192.0.2.77 ip saddr 10.22.0.0/24 meta mark set meta mark | 0x00002000 dnat ip to meta l4proto . th dport map @port_targets
		ip daddr != 192.0.2.77 ip saddr 127.0.0.0/8 meta mark set meta mark | 0x00002000 dnat ip to meta l4proto . th dport map @port_targets
		ip daddr != 192.0.2.77 dnat ip to meta l4proto . th dport map @port_targets
	}
	chain from_10.22.0.0/24 {
		ip saddr 10.22.0.0/24 masquerade
		ip saddr 127.0.0.0/8 masquerade
	}
}`;

/** Lines without blanks, with elements in order and types left out; protocols as their numbers. */
function lines(text: string): string[] {
  const numbers: Record<string, string> = { tcp: "6", udp: "17", sctp: "132" };
  return text
    .replaceAll(/_if_[0-9a-f]+/g, "_if_HASH")
    .replaceAll(/ \. (tcp|udp|sctp) \. /g, (_, name: string) => ` . ${numbers[name]} . `)
    .replaceAll(/ (tcp|udp|sctp) \. /g, (_, name: string) => ` ${numbers[name]} . `)
    .split(/\n|(?<=["0-9T]),|elements = \{/)
    .map((line) => line.replace(/\}$/, "").trim())
    .filter((line) => line !== "");
}

test("the table is one that people can read, and that nft reads back", beyondPeer, async (t) => {
  const host = await network(t);
  const setting: Call = {
    mappings: [tcp(8080, 80), tcp(8081, 81, hostAddress.ipv4), udp(5353, 53), sctp],
    keys: { conditionsV4: ["ip", "daddr", "!=", "192.0.2.77"] },
  };
  succeed(host, "ADD", setting);
  const listed = lines(listing(host, "ip cni_portmap"));
  for (const line of lines(elements))
    assert.ok(listed.includes(line), `${line}\nnot in\n${listed.join("\n")}`);
  const before = listing(host);
  host.run("nft", ["-f", "-"], { input: `flush ruleset\n${before}` });
  assert.equal(listing(host), before);
  succeed(host, "CHECK", setting);

  succeed(host, "DEL", setting);
  const after = listing(host);
  assert.doesNotMatch(after, /elements|_if_|from_/);
  succeed(host, "DEL", setting);
  assert.equal(listing(host), after);
});

test("the rules are as many for fifty containers as for one", beyondPeer, async (t) => {
  const host = await network(t);
  succeed(host, "ADD", { mappings: [tcp(7000, 80)] });
  const frame = (text: string) => lines(text).filter((line) => !line.includes('comment "mynet'));
  const one = frame(listing(host));
  const others = Array.from({ length: 49 }, (_, index) => ({
    containerId: `more${index}`,
    last: 100 + index,
    mappings: [tcp(7001 + index, 80)],
  }));
  for (const other of others) succeed(host, "ADD", other);
  assert.match(listing(host), /more48/);
  assert.deepEqual(frame(listing(host)), one);
  for (const setting of [{}, ...others]) succeed(host, "DEL", setting);
  assert.doesNotMatch(listing(host), /elements/);
});

test("an ADD twice is one", beyondPeer, async (t) => {
  const host = await network(t);
  succeed(host, "ADD", {});
  const before = listing(host);
  succeed(host, "ADD", {});
  assert.equal(listing(host), before);
});

test("CHECK tells what is missing after a flush, and ADD brings it back", beyondPeer, async (t) => {
  const host = await network(t);
  await serveHttp(host, "c1", 80, "c1");
  succeed(host, "ADD", {});
  const destroy: [string, RegExp][] = [
    ["flush ruleset", /^could not check ipv4 dnat: table ip cni_portmap not found$/],
    ["flush chain ip cni_portmap prerouting", /chain ip cni_portmap prerouting has other rules/],
    ["delete chain ip6 cni_portmap output", /ipv6 dnat: chain ip6 cni_portmap output not found/],
    ["flush map ip cni_portmap port_targets", /port 8080\/tcp not found in map ip cni_portmap port_targets/],
    ["delete element ip6 cni_portmap port_chains { 6 . 8080 }", /port 8080\/tcp not found in map ip6/],
    ["flush map ip cni_portmap sources", /masquerading for 10\.22\.0\.2 not found in map ip/],
    ["flush chain ip cni_portmap from_10.22.0.0/24", /chain ip cni_portmap from_10.22.0.0\/24 has other/],
  ];
  for (const [command, says] of destroy) {
    host.run("nft", command.split(" "));
    const before = listing(host);
    assertRefused(host, "CHECK", {}, 105, says);
    assert.equal(listing(host), before, "CHECK mends nothing");
    succeed(host, "ADD", {});
    succeed(host, "CHECK", {});
    assertPage(host, "c2", url(hostAddress.ipv4, 8080), "c1", gateway.ipv4);
  }
  host.run("nft", ["flush", "ruleset"]);
  succeed(host, "DEL", {});
});

test("CHECK with other ports than were added", beyondPeer, async (t) => {
  const host = await network(t);
  succeed(host, "ADD", {});
  for (const mappings of [[tcp(8081, 80)], [tcp(8080, 81)], [tcp(8080, 80), udp(8080, 80)]]) {
    assertRefused(host, "CHECK", { mappings }, 105, /port 808\d\/(tcp|udp) (not found|leads elsewhere)/);
  }
  assertRefused(host, "CHECK", { containerId: "other" }, 105, /is mynet\/c1\/eth0's/);
  assertRefused(host, "CHECK", { keys: { conditionsV4: ["iifname", "eth0"] } }, 105, /not found/);
  succeed(host, "CHECK", { mappings: [] });
});

function withoutKeys(command: Command, config: JsonObject) {
  const environment = { command, containerId: "c1", netns: "", ifname: "eth0" };
  return (host: Host) => {
    const { status, stdout, stderr } = callPlugin(host, ours, environment, config);
    assert.equal(`${status} ${stdout}${stderr}`, "0 ", command);
  };
}

const { runtimeConfig, prevResult, ...bare } = configOf({});
const configs: Record<string, JsonObject> = {
  "with nothing but names": { cniVersion: "1.1.0", name: "mynet", type: "portmap" },
  "without mappings": { ...bare, prevResult },
  "without a previous result": { ...bare, runtimeConfig },
  "with broken keys": { ...bare, backend: 5, conditionsV4: 7, prevResult: { ips: [{ address: "x" }] } },
};

for (const [what, config] of Object.entries(configs)) {
  test(`DEL ${what}, without a namespace, twice`, beyondPeer, async (t) => {
    const host = await network(t);
    succeed(host, "ADD", { mappings: [tcp(8080, 80), udp(53, 53)] });
    for (let count = 0; count < 2; count++) withoutKeys("DEL", config)(host);
    assert.doesNotMatch(listing(host), /elements/);
  });
}

test("DEL and CHECK find what the other backend made", beyondPeer, async (t) => {
  const host = await network(t);
  await serveHttp(host, "c1", 80, "c1");
  for (const [added, deleted] of [
    ["nftables", "iptables"],
    ["iptables", "nftables"],
    ["nftables", null],
  ] as const) {
    succeed(host, "ADD", { backend: added });
    succeed(host, "CHECK", { backend: deleted });
    succeed(host, "DEL", { backend: deleted });
    for (const family of families) assertNoPage(host, undefined, url(hostAddress[family], 8080));
    assert.doesNotMatch(listing(host, "ip cni_portmap"), /elements/);
    assert.deepEqual(
      rules(host).ipv4.filter((line) => line.includes("CNI-DN-")),
      [],
    );
    assertRefused(host, "CHECK", { backend: deleted }, 105, /not found/);
  }
});

test("a port that the other backend publishes is held as well", beyondPeer, async (t) => {
  const host = await network(t);
  for (const [first, second] of [
    ["nftables", "iptables"],
    ["iptables", "nftables"],
  ] as const) {
    succeed(host, "ADD", { backend: first });
    const before = snapshot(host);
    assertRefused(host, "ADD", { backend: second, container: "c2" }, 103, /8080\/tcp is already published/);
    assert.equal(difference(before, snapshot(host)), "");
    succeed(host, "ADD", { backend: second });
    succeed(host, "CHECK", { backend: second });
    succeed(host, "DEL", {});
  }
});

test("what the Go plugin made goes with the container, of this network only", beyondPeer, async (t) => {
  const host = await network(t);
  const other: Call = { network: "othernet", container: "again", mappings: [tcp(8081, 80)] };
  const neighbour: Call = { container: "c2", mappings: [tcp(8082, 80)] };
  for (const setting of [{}, other, neighbour]) succeed(host, "ADD", setting, peers);
  const ports = () => (listing(host).match(/tcp dport \d+/g) ?? []).map((match) => match.slice(-4)).sort();
  assert.deepEqual(ports(), ["8080", "8080", "8081", "8081", "8082", "8082"]);
  succeed(host, "DEL", {});
  assert.deepEqual(ports(), ["8081", "8081", "8082", "8082"]);
  assert.doesNotMatch(listing(host), /10\.22\.0\.2 |fd00:22::2 /);
  withoutKeys("DEL", { cniVersion: "1.1.0", name: "othernet", type: "portmap" })(host);
  assert.deepEqual(ports(), ["8082", "8082"]);
});

for (const backend of ["nftables", "iptables"] as const) {
  test(
    `${backend}: a port that the Go plugin's nftables backend publishes is held as well`,
    beyondPeer,
    async (t) => {
      const host = await network(t);
      await serveHttp(host, "c1", 80, "c1");
      const mappings = [tcp(8080, 80), tcp(8081, 80, hostAddress.ipv4)];
      succeed(host, "ADD", { container: "c2", mappings }, peers);
      const before = snapshot(host);
      for (const wanted of [tcp(8080, 80), tcp(8081, 80)]) {
        const setting: Call = { backend, mappings: [wanted] };
        assertRefused(
          host,
          "ADD",
          setting,
          103,
          /808\d\/tcp is already published for container c2 \(10\.22\.0\.3\)/,
        );
        assert.equal(difference(before, snapshot(host)), "");
      }
      succeed(host, "ADD", { backend, mappings: [udp(8080, 80), tcp(8081, 80, "203.0.113.1")] });
      succeed(host, "DEL", { backend });
      host.delNetns("c2");
      host.run("ip", ["link", "delete", "vethc2"], { check: false });
      succeed(host, "ADD", { backend });
      assertPage(host, "outside", url(hostAddress.ipv4, 8080), "c1");
      assert.doesNotMatch(listing(host, "ip cni_hostport"), /comment "c2"/);
    },
  );
}

test(
  "GC removes this network's stale containers, and tables in which nothing is left",
  beyondPeer,
  async (t) => {
    const host = await network(t);
    const settings: Call[] = [
      { mappings: [tcp(8081, 80)] },
      { container: "c2", mappings: [tcp(8082, 80)] },
      { container: "c3", network: "mynet2", mappings: [tcp(8083, 80)] },
    ];
    for (const setting of settings) succeed(host, "ADD", setting);
    const [kept = {}, stale = {}, foreign = {}] = settings;
    const gc = (name: string, ids: string[]) =>
      withoutKeys("GC", {
        ...{ cniVersion: "1.1.0", name, type: "portmap" },
        "cni.dev/valid-attachments": ids.map((containerID) => ({ containerID, ifname: "eth0" })),
      })(host);
    gc("mynet", ["c1"]);
    succeed(host, "CHECK", kept);
    succeed(host, "CHECK", foreign);
    assertRefused(host, "CHECK", stale, 105, /8082\/tcp not found/);
    gc("mynet", []);
    assertRefused(host, "CHECK", kept, 105, /8081\/tcp not found/);
    succeed(host, "CHECK", foreign);
    gc("mynet2", []);
    assert.equal(listing(host), "");
  },
);

test("connections of the past are forgotten by ADD, those to the container by DEL", beyondPeer, async (t) => {
  const host = await network(t);
  const track = (protocol: string, to: string, port: number, translated?: string) => {
    const reply = translated === undefined ? [] : ["--reply-src", translated, "--reply-dst", outside.ipv4];
    const ports =
      translated === undefined ? [] : ["--reply-port-src", `${port - 5300}`, "--reply-port-dst", "4000"];
    const tuple = ["-s", outside.ipv4, "-d", to, "--sport", "4000", "--dport", `${port}`];
    const tags = protocol === "sctp" ? ["--orig-vtag", "1", "--reply-vtag", "2"] : [];
    const state = protocol === "udp" ? [] : ["--state", "ESTABLISHED", ...tags];
    host.run("conntrack", ["-I", "-t", "600", "-p", protocol, ...state, ...tuple, ...reply, ...ports]);
  };
  const tracked = () =>
    conntrack(host)
      .map((line) => /^(\w+).*? dst=(\S+) .*?dport=(\d+)/.exec(line)?.slice(1).join(" "))
      .filter((text) => text !== undefined)
      .sort();
  track("udp", hostAddress.ipv4, 5353);
  track("udp", "203.0.113.9", 5353);
  track("tcp", hostAddress.ipv4, 5353);
  track("sctp", hostAddress.ipv4, 5353);
  const mappings = [udp(5353, 53), tcp(5353, 53), { ...sctp, hostPort: 5353, containerPort: 53 }];
  succeed(host, "ADD", { mappings });
  assert.deepEqual(tracked(), ["tcp 192.0.2.1 5353", "udp 203.0.113.9 5353"]);
  host.run("conntrack", ["-F"]);
  track("udp", hostAddress.ipv4, 5353, addressOf("c1", "ipv4"));
  track("tcp", hostAddress.ipv4, 5353, addressOf("c1", "ipv4"));
  track("sctp", hostAddress.ipv4, 5353, addressOf("c1", "ipv4"));
  track("udp", hostAddress.ipv4, 5354, addressOf("c1", "ipv4"));
  track("udp", "203.0.113.9", 5353, addressOf("c2", "ipv4"));
  succeed(host, "DEL", {});
  assert.deepEqual(tracked(), ["udp 192.0.2.1 5354", "udp 203.0.113.9 5353"]);
});

test("without iptables nftables is used, and STATUS says whether it would work", beyondPeer, async (t) => {
  const host = await hostWith(t, "nft");
  addOutside(host);
  for (const tool of ["iptables", "ip6tables"]) {
    host.run(
      "rm",
      [tool, `${tool}-save`, `${tool}-restore`].map((name) => `/etc/alternatives/${name}`),
    );
  }
  succeed(host, "STATUS", { backend: null });
  assert.equal(listing(host), "");
  const setting: Call = { backend: null, mappings: [tcp(8080, 80)] };
  succeed(host, "ADD", setting);
  assert.match(listing(host), /8080 comment "mynet\/c1\/eth0"/);
  succeed(host, "CHECK", setting);
  succeed(host, "STATUS", setting);
  succeed(host, "DEL", setting);
  assert.doesNotMatch(listing(host), /elements/);
  const conditions = { conditionsV4: ["-s", "10.0.0.1"] };
  assertRefused(host, "ADD", { backend: null, keys: conditions }, 7, /nftables backend was requested/);
});

test("with iptables and without a backend iptables is used", beyondPeer, async (t) => {
  const host = await network(t);
  succeed(host, "ADD", { backend: null });
  assert.equal(listing(host, "ip cni_portmap"), "");
  assert.ok(rules(host).ipv4.some((line) => line.includes("CNI-DN-")));
  const conditions = { conditionsV4: ["ip", "saddr", "10.0.0.1"] };
  assertRefused(
    host,
    "ADD",
    { backend: null, keys: conditions },
    7,
    /nftables-specific options \[conditionsV4\]/,
  );
});

test("a failed ADD leaves nothing", beyondPeer, async (t) => {
  const host = await network(t);
  host.run("mount", ["-o", "bind,ro", "/proc/sys", "/proc/sys"]);
  const before = snapshot(host);
  const { status, json } = call(host, "ADD", {});
  assert.equal(status, 1);
  assert.match(String(asObject(json)["msg"]), /route_localnet/);
  assert.equal(difference(before, snapshot(host)), "");
});

test("as Kubernetes configures it", beyondPeer, async (t) => {
  const host = await network(t);
  await serveHttp(host, "c1", 80, "c1");
  const list = readConflist("kubernetes-nftables.conflist");
  const plugin = list.plugins.find(({ type }) => type === "portmap") ?? {};
  const { capabilities, type: _, ...keys } = plugin;
  assert.deepEqual(capabilities, { portMappings: true });
  const setting: Call = { network: list.name, keys };
  succeed(host, "ADD", setting);
  assertPage(host, "outside", url(hostAddress.ipv4, 8080), "c1", outside.ipv4);
  assertPage(host, undefined, url("127.0.0.1", 8080), "c1", gateway.ipv4);
  succeed(host, "CHECK", setting);
  succeed(host, "DEL", setting);
  assert.doesNotMatch(listing(host), /elements/);
});
