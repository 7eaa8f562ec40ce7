/** Clients are seen as they are beside others to whom portmap's mark says "masquerade this". */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host } from "../../harness/host/host.ts";
import { serveHttp } from "../../harness/traffic/traffic.ts";
import {
  assertPage,
  type Call,
  families,
  gateway,
  hostAddress,
  listing,
  network,
  outside,
  succeed,
  url,
} from "./network.ts";
import { beyondPeer, peers, tcp } from "./setting.ts";

const byIptables: Call = { backend: "iptables", container: "c3", mappings: [tcp(8089, 80)] };

/** As netavark and others have it, in a table of their own. */
function masqueradeMarked(host: Host, bit: number): void {
  const mark = `0x${(2 ** bit).toString(16)}`;
  const rule = `meta mark & ${mark} == ${mark} masquerade`;
  const chain = `chain post { type nat hook postrouting priority srcnat; ${rule}; }`;
  host.run("nft", ["-f", "-"], { input: `table ip others { ${chain}; }\ntable ip6 others { ${chain}; }` });
}

/** kube-proxy's chain, with its default bit. */
function kubePostrouting(host: Host): void {
  for (const tool of ["iptables", "ip6tables"]) {
    for (const words of [
      "-N KUBE-POSTROUTING",
      "-A POSTROUTING -j KUBE-POSTROUTING",
      "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
      "-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000",
      "-A KUBE-POSTROUTING -j MASQUERADE --random-fully",
    ]) {
      host.run(tool, ["-t", "nat", ...words.split(" ")]);
    }
  }
}

/** Who else masquerades what has the mark, and the bit. */
const others: Record<string, { prepare: (host: Host) => void; bit?: number }> = {
  "what portmap by iptables left behind": {
    prepare: (host) => {
      for (const command of ["ADD", "DEL"] as const) succeed(host, command, byIptables);
      assert.match(host.run("iptables-save", []).stdout, /-A CNI-HOSTPORT-MASQ .*MASQUERADE/);
    },
  },
  "what the Go plugin left behind": {
    prepare: (host) => {
      for (const command of ["ADD", "DEL"] as const) succeed(host, command, byIptables, peers);
      assert.match(host.run("ip6tables-save", []).stdout, /-A CNI-HOSTPORT-MASQ .*MASQUERADE/);
    },
  },
  "a port published by iptables": { prepare: (host) => succeed(host, "ADD", byIptables) },
  "a port that the Go plugin published by nftables": {
    prepare: (host) => succeed(host, "ADD", { ...byIptables, backend: "nftables" }, peers),
  },
  "a rule of others in nftables": { prepare: (host) => masqueradeMarked(host, 13) },
  "kube-proxy, with its mark": { prepare: kubePostrouting, bit: 14 },
};

/** Asserts whom c1 sees behind port 8080, and that everybody gets there. */
function assertClients(host: Host, keys: Call["keys"] = {}): void {
  const hides = keys["masqAll"] === true;
  for (const family of families) {
    const target = url(hostAddress[family], 8080);
    assertPage(host, "outside", target, "c1", hides ? gateway[family] : outside[family]);
    assertPage(host, undefined, target, "c1", hides ? gateway[family] : hostAddress[family]);
    assertPage(host, "c2", target, "c1", gateway[family]);
    assertPage(host, "c1", target, "c1", gateway[family]);
  }
  assertPage(host, undefined, url("127.0.0.1", 8080), "c1", gateway.ipv4);
}

for (const [what, { prepare, bit }] of Object.entries(others)) {
  test(`nftables: clients are seen as they are beside ${what}`, beyondPeer, async (t) => {
    const host = await network(t);
    await serveHttp(host, "c1", 80, "c1");
    prepare(host);
    const marked = bit === undefined ? {} : { markMasqBit: bit };
    for (const [keys, mappings] of [
      [marked, [tcp(8080, 80)]],
      [marked, [...Object.values(hostAddress), "127.0.0.1"].map((address) => tcp(8080, 80, address))],
      [{ ...marked, masqAll: true }, [tcp(8080, 80)]],
      [
        { ...marked, conditionsV4: ["meta", "mark", "0"], conditionsV6: ["meta", "mark", "0"] },
        [tcp(8080, 80)],
      ],
    ] as const) {
      const setting: Call = { keys, mappings: [...mappings] };
      succeed(host, "ADD", setting);
      assertClients(host, keys);
      succeed(host, "CHECK", setting);
      succeed(host, "DEL", setting);
    }
    assert.doesNotMatch(listing(host, "ip cni_portmap"), /elements|from_/);
    assert.doesNotMatch(listing(host, "ip6 cni_portmap"), /elements|from_/);
  });
}

/** The tables as earlier versions made them: one chain for the containers of all networks, which marked everything. */
function makeFormer(host: Host): void {
  const tables = (["ip", "ip6"] as const).map((family) => {
    const daddr = `${family} daddr`;
    const text = listing(host, `${family} cni_portmap`)
      .replaceAll(/\tchain (port|address)_mark\d+\S* \{[\s\S]*?\n\t\}\n/g, "")
      .replaceAll(/jump ((port|address)_mark\d+(_if_[0-9a-f]+)?)_from_[^ ,\n]+/g, "jump $1");
    const names = new Set(text.match(/(?<=jump )(port|address)_mark[^ ,\n]+/g));
    const chains = [...names].map((name) => {
      const [of] = name.split("_");
      const condition = name.includes("_if_") ? `${daddr} != ${unused[family]} ` : "";
      const key = `${of === "address" ? `${daddr} . ` : ""}meta l4proto . th dport`;
      const rule = `meta mark set meta mark | 0x2000 dnat ${family} to ${key} map @${of}_targets`;
      return `chain ${name} { ${condition}${rule}; }\n`;
    });
    const start = `table ${family} cni_portmap {\n`;
    return text.replace(start, `${start}${chains.join("")}`);
  });
  const gone = "delete table ip cni_portmap\ndelete table ip6 cni_portmap\n";
  host.run("nft", ["-f", "-"], { input: `${gone}${tables.join("")}` });
}

const unused = { ip: "192.0.2.77", ip6: "2001:db8::77" };

test("nftables: the next ADD mends what earlier versions made", beyondPeer, async (t) => {
  const host = await network(t);
  await serveHttp(host, "c1", 80, "c1");
  await serveHttp(host, "c2", 80, "c2");
  const conditions = {
    conditionsV4: [`ip daddr != ${unused.ip}`],
    conditionsV6: [`ip6 daddr != ${unused.ip6}`],
  };
  for (const keys of [{}, conditions]) {
    const first: Call = { keys, mappings: [tcp(8080, 80), tcp(8081, 80, hostAddress.ipv4)] };
    const hidden: Call = { container: "c2", keys: { ...keys, masqAll: true }, mappings: [tcp(8082, 80)] };
    const next: Call = { container: "c3", keys, mappings: [tcp(8083, 80)] };
    // A second network of c1, which waits for its port.
    const sibling: Call = { ...first, network: "back", ifname: "eth1", last: 12 };
    for (const setting of [first, hidden, sibling]) succeed(host, "ADD", setting);
    makeFormer(host);
    masqueradeMarked(host, 13);
    assert.doesNotMatch(listing(host, "ip cni_portmap"), /mark13\S*_from_/);
    assertPage(host, "outside", url(hostAddress.ipv6, 8080), "c1", gateway.ipv6);

    succeed(host, "ADD", next);
    assertClients(host);
    for (const family of families) {
      assertPage(host, "outside", url(hostAddress[family], 8082), "c2", gateway[family]);
    }
    assertPage(host, "outside", url(hostAddress.ipv4, 8081), "c1", outside.ipv4);
    assert.doesNotMatch(listing(host), /(port|address)_mark13(_if_[0-9a-f]+)?[ ,\n]/);
    for (const setting of [first, hidden, sibling, next]) succeed(host, "CHECK", setting);

    succeed(host, "DEL", first);
    assertPage(host, undefined, url(hostAddress.ipv4, 8080), "c1");
    for (const setting of [hidden, sibling, next]) succeed(host, "DEL", setting);
    assert.doesNotMatch(listing(host), /elements|from_/);
    host.run("nft", ["flush", "ruleset"]);
  }
});
