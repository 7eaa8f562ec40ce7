/** Packets to published ports arrive from everywhere, and packets that are not for them are left alone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { askUdp, fetchPage, serveHttp, serveUdp } from "../../harness/traffic/traffic.ts";
import {
  addressOf,
  assertNoPage,
  assertPage,
  assertRefused,
  type Call,
  families,
  gateway,
  hostAddress,
  network,
  outside,
  secondAddress,
  serveOnHost,
  succeed,
  url,
} from "./network.ts";
import { beyondPeer, tcp, udp } from "./setting.ts";

const backends = ["nftables", "iptables"] as const;

for (const [backend, bridgeNetfilter] of [
  ["nftables", false],
  ["nftables", true],
  ["iptables", false],
] as const) {
  const beside = bridgeNetfilter ? ", with br_netfilter" : "";
  test(`${backend}: a published port from everywhere${beside}`, beyondPeer, async (t) => {
    const host = await network(t, bridgeNetfilter);
    await serveHttp(host, "c1", 80, "c1");
    succeed(host, "ADD", { backend });
    for (const family of families) {
      const target = url(hostAddress[family], 8080);
      assertPage(host, "outside", target, "c1", outside[family]);
      assertPage(host, undefined, target, "c1");
      assertPage(host, undefined, url(secondAddress[family], 8080), "c1");
      assertPage(host, "c2", target, "c1", gateway[family]);
      assertPage(host, "c2", url(gateway[family], 8080), "c1", gateway[family]);
      assertPage(host, "c1", target, "c1", gateway[family]);
      const direct = url(addressOf("c1", family), 80);
      assertPage(host, "c2", direct, "c1", addressOf("c2", family));
    }
    assertPage(host, undefined, url("127.0.0.1", 8080), "c1", gateway.ipv4);
    succeed(host, "CHECK", { backend });
    succeed(host, "DEL", { backend });
    for (const family of families) {
      assertNoPage(host, "outside", url(hostAddress[family], 8080));
      assertNoPage(host, undefined, url(hostAddress[family], 8080));
    }
  });
}

for (const backend of backends) {
  test(`${backend}: UDP`, beyondPeer, async (t) => {
    const host = await network(t);
    await serveUdp(host, "c1", 53);
    succeed(host, "ADD", { backend, mappings: [udp(5353, 53)] });
    for (const family of families) {
      const ask = (from: string | undefined, address: string) =>
        askUdp(host, address, 5353, "hello", from === undefined ? {} : { netns: from });
      assert.equal(ask("outside", hostAddress[family]), `${outside[family]} hello`);
      assert.equal(ask("c2", hostAddress[family]), `${gateway[family]} hello`);
      assert.notEqual(ask(undefined, hostAddress[family]), null);
    }
    assert.equal(askUdp(host, "127.0.0.1", 5353, "hello"), `${gateway.ipv4} hello`);
  });

  test(`${backend}: masqAll hides every client, snat off none`, beyondPeer, async (t) => {
    const host = await network(t);
    await serveHttp(host, "c1", 80, "c1");
    const target = (family: "ipv4" | "ipv6") => url(hostAddress[family], 8080);
    const all: Call = { backend, keys: { masqAll: true } };
    succeed(host, "ADD", all);
    for (const family of families) assertPage(host, "outside", target(family), "c1", gateway[family]);
    succeed(host, "CHECK", all);
    succeed(host, "DEL", all);
    const none: Call = { backend, keys: { snat: false } };
    succeed(host, "ADD", none);
    for (const family of families) {
      assertPage(host, "outside", target(family), "c1", outside[family]);
      assertNoPage(host, "c2", target(family));
    }
    succeed(host, "CHECK", none);
  });

  test(`${backend}: a mark bit of one's own`, beyondPeer, async (t) => {
    const host = await network(t);
    await serveHttp(host, "c1", 80, "c1");
    await serveHttp(host, "c2", 80, "c2");
    succeed(host, "ADD", { backend, keys: { markMasqBit: 31 } });
    succeed(host, "ADD", { backend, container: "c2", mappings: [tcp(8081, 80)] });
    assertPage(host, "c3", url(hostAddress.ipv4, 8080), "c1", gateway.ipv4);
    assertPage(host, "c3", url(hostAddress.ipv4, 8081), "c2", gateway.ipv4);
    succeed(host, "CHECK", { backend, keys: { markMasqBit: 31 } });
  });

  test(`${backend}: packets to the same port of others pass by (CVE-2025-67499)`, beyondPeer, async (t) => {
    const host = await network(t);
    await serveHttp(host, "c1", 80, "published");
    await serveHttp(host, "outside", 8080, "outside");
    await serveHttp(host, "c2", 8080, "c2");
    succeed(host, "ADD", { backend });
    for (const family of families) {
      assertPage(host, undefined, url(outside[family], 8080), "outside");
      assertPage(host, undefined, url(addressOf("c2", family), 8080), "c2");
      assertPage(host, "outside", url(addressOf("c2", family), 8080), "c2", outside[family]);
      assertPage(host, "c3", url(addressOf("c2", family), 8080), "c2", addressOf("c3", family));
      assertPage(host, "c3", url(outside[family], 8080), "outside", addressOf("c3", family));
      assertPage(host, "c1", url(outside[family], 8080), "outside", addressOf("c1", family));
    }
  });

  test(`${backend}: a host address publishes on that address only`, beyondPeer, async (t) => {
    const host = await network(t);
    await serveHttp(host, "c1", 80, "c1");
    await serveHttp(host, "c2", 80, "c2");
    await serveOnHost(host, 8080, "host");
    const at = (container: "c1" | "c2", addresses: { ipv4: string; ipv6: string }): Call => ({
      backend,
      container,
      mappings: families.map((family) => tcp(8080, 80, addresses[family])),
    });
    succeed(host, "ADD", at("c1", hostAddress));
    for (const family of families) {
      for (const from of ["outside", undefined, "c3"]) {
        assertPage(host, from, url(hostAddress[family], 8080), "c1");
        assertPage(host, from, url(secondAddress[family], 8080), "host");
      }
    }
    assertPage(host, undefined, url("127.0.0.1", 8080), "host");
    succeed(host, "ADD", at("c2", secondAddress));
    for (const family of families) {
      assertPage(host, "outside", url(hostAddress[family], 8080), "c1");
      assertPage(host, "outside", url(secondAddress[family], 8080), "c2");
    }
    succeed(host, "CHECK", at("c1", hostAddress));
    succeed(host, "DEL", at("c2", secondAddress));
    assertPage(host, "outside", url(hostAddress.ipv4, 8080), "c1");
    assertPage(host, "outside", url(secondAddress.ipv4, 8080), "host");
  });

  test(`${backend}: services of others come first (CVE-2019-9946)`, beyondPeer, async (t) => {
    const host = await network(t);
    await serveHttp(host, "c1", 80, "published");
    await serveHttp(host, "c2", 80, "service");
    const { ipv4: service } = secondAddress;
    const rule = [
      "-d",
      service,
      "-p",
      "tcp",
      "--dport",
      "8080",
      "-j",
      "DNAT",
      "--to",
      `${addressOf("c2", "ipv4")}:80`,
    ];
    host.run("iptables", ["-t", "nat", "-N", "KUBE-SERVICES"]);
    host.run("iptables", ["-t", "nat", "-A", "KUBE-SERVICES", ...rule]);
    for (const chain of ["PREROUTING", "OUTPUT"]) {
      host.run("iptables", ["-t", "nat", "-A", chain, "-j", "KUBE-SERVICES"]);
    }
    succeed(host, "ADD", { backend });
    for (const from of ["outside", undefined]) {
      assertPage(host, from, url(service, 8080), "service");
      assertPage(host, from, url(hostAddress.ipv4, 8080), "published");
    }
  });
}

test(
  "nftables: services of others in nftables come first, whoever was there first",
  beyondPeer,
  async (t) => {
    const host = await network(t);
    await serveHttp(host, "c1", 80, "published");
    await serveHttp(host, "c2", 80, "service");
    const rule = `ip daddr ${secondAddress.ipv4} tcp dport 8080 dnat to ${addressOf("c2", "ipv4")}:80`;
    const chain = (hook: string) => `chain ${hook} { type nat hook ${hook} priority -100; ${rule}; }`;
    const table = `table ip kube-proxy { ${chain("prerouting")}; ${chain("output")}; }`;
    for (const theirsFirst of [true, false]) {
      if (theirsFirst) host.run("nft", ["-f", "-"], { input: table });
      succeed(host, "ADD", {});
      if (!theirsFirst) host.run("nft", ["-f", "-"], { input: table });
      assertPage(host, "outside", url(secondAddress.ipv4, 8080), "service");
      assertPage(host, undefined, url(secondAddress.ipv4, 8080), "service");
      assertPage(host, "outside", url(hostAddress.ipv4, 8080), "published");
      host.run("nft", ["flush", "ruleset"]);
    }
  },
);

test("nftables: a DNAT of others to the same container is not masqueraded", beyondPeer, async (t) => {
  const host = await network(t, true);
  await serveHttp(host, "c1", 80, "c1");
  succeed(host, "ADD", {});
  const rule = `ip daddr 203.0.113.1 tcp dport 8080 dnat to ${addressOf("c1", "ipv4")}:80`;
  const input = `table ip service { chain p { type nat hook prerouting priority -100; ${rule}; }; }`;
  host.run("nft", ["-f", "-"], { input });
  assertPage(host, "c2", url("203.0.113.1", 8080), "c1", addressOf("c2", "ipv4"));
});

test("nftables: what is published on 127.0.0.1 is for the host alone", beyondPeer, async (t) => {
  const host = await network(t);
  await serveHttp(host, "c1", 80, "c1");
  succeed(host, "ADD", { mappings: [tcp(8080, 80, "127.0.0.1")] });
  assertPage(host, undefined, url("127.0.0.1", 8080), "c1", gateway.ipv4);
  host.inNetns("c2", "sysctl", ["-qw", "net.ipv4.conf.eth0.route_localnet=1"]);
  host.inNetns("c2", "ip", ["route", "flush", "table", "local", "127.0.0.0/8"]);
  host.inNetns("c2", "ip", ["route", "delete", "local", "127.0.0.1", "table", "local"], { check: false });
  const source = ["via", gateway.ipv4, "src", addressOf("c2", "ipv4")];
  host.inNetns("c2", "ip", ["route", "add", "127.0.0.1", ...source]);
  assert.match(host.inNetns("c2", "ip", ["route", "get", "127.0.0.1"]).stdout, /via/);
  assertNoPage(host, "c2", url("127.0.0.1", 8080));
});

for (const backend of ["nftables", "iptables"] as const) {
  test(`${backend}: CHECK says when the kernel refuses 127.0.0.1`, beyondPeer, async (t) => {
    const host = await network(t);
    await serveHttp(host, "c1", 80, "c1");
    const setting: Call = { backend };
    succeed(host, "ADD", setting);
    succeed(host, "CHECK", setting);
    host.run("sysctl", ["-qw", "net.ipv4.conf.cni0.route_localnet=0"]);
    assertNoPage(host, undefined, url("127.0.0.1", 8080));
    assertRefused(host, "CHECK", setting, 105, /ipv4 dnat: sysctl .*cni0\/route_localnet is 0/);
    host.run("sysctl", ["-qw", "net.ipv4.conf.all.route_localnet=1"]);
    assertPage(host, undefined, url("127.0.0.1", 8080), "c1");
    succeed(host, "CHECK", setting);
  });
}

test(
  "nftables: every address of 127.0.0.0/8 as source, and ::1 is left to the host",
  beyondPeer,
  async (t) => {
    const host = await network(t);
    await serveHttp(host, "c1", 80, "c1");
    succeed(host, "ADD", {});
    const options = ["--silent", "--max-time", "30", "--noproxy", "*", "--interface", "127.0.0.2"];
    assert.match(host.run("curl", [...options, url("127.0.0.1", 8080)]).stdout, /"page":"c1"/);
    await serveOnHost(host, 8080, "host");
    assertPage(host, undefined, url("::1", 8080), "host");
  },
);

test("nftables: conditions of one network are not another's", beyondPeer, async (t) => {
  const host = await network(t);
  await serveHttp(host, "c1", 80, "c1");
  await serveHttp(host, "c2", 80, "c2");
  await serveHttp(host, "c3", 80, "c3");
  const first: Call = {
    network: "first",
    keys: {
      conditionsV4: ["ip", "saddr", "!=", outside.ipv4],
      conditionsV6: ["iifname", "!=", '"uplink0"'],
    },
  };
  const second: Call = { network: "second", container: "c2", mappings: [tcp(8081, 80)] };
  const third: Call = {
    network: "third",
    container: "c3",
    mappings: [tcp(8082, 80)],
    keys: { conditionsV4: [`ip saddr { ${outside.ipv4}, 203.0.113.0/24 }`] },
  };
  for (const setting of [first, second, third]) succeed(host, "ADD", setting);
  for (const family of families) {
    const at = (port: number) => url(hostAddress[family], port);
    assertNoPage(host, "outside", at(8080));
    assertPage(host, "c3", at(8080), "c1", gateway[family]);
    assertPage(host, "outside", at(8081), "c2", outside[family]);
    assertPage(host, "c3", at(8081), "c2");
    assertPage(host, "outside", at(8082), "c3", outside[family]);
  }
  assertNoPage(host, "c1", url(hostAddress.ipv4, 8082));
  assert.equal(fetchPage(host, url(hostAddress.ipv6, 8082), { netns: "c1" }).page, "c3");
  for (const setting of [first, second, third]) succeed(host, "CHECK", setting);
  succeed(host, "DEL", third);
  assertNoPage(host, "outside", url(hostAddress.ipv4, 8080));
  succeed(host, "CHECK", first);
});

for (const backend of backends) {
  test(
    `${backend}: FORWARD DROP, and the rule of the manual that opens published ports`,
    beyondPeer,
    async (t) => {
      const host = await network(t);
      await serveHttp(host, "c1", 80, "c1");
      await serveHttp(host, "c2", 80, "c2");
      for (const tool of ["iptables", "ip6tables"]) host.run(tool, ["-P", "FORWARD", "DROP"]);
      succeed(host, "ADD", { backend });
      for (const family of families) {
        const target = url(hostAddress[family], 8080);
        assertPage(host, undefined, target, "c1");
        assertNoPage(host, "outside", target);
        const tool = family === "ipv4" ? "iptables" : "ip6tables";
        const rule = ["-m", "conntrack", "--ctstate", "DNAT", "-j", "ACCEPT"];
        host.run(tool, ["-I", "FORWARD", ...rule]);
        assertPage(host, "outside", target, "c1", outside[family]);
        assertNoPage(host, "outside", url(addressOf("c2", family), 80));
      }
    },
  );
}
