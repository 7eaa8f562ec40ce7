import assert from "node:assert/strict";
import { test } from "node:test";
import { identityOf, learn } from "./repeat.ts";
import { iptablesInput, iptablesStatements, nftStatements } from "./statements.ts";

const first = { containerId: "cnitool-20b4ff582526573bbe7d", addresses: ["10.4.0.2"], hostPort: 8080 };
const second = { containerId: "cnitool-8f2f1ad0c3b6c1d3aa41", addresses: ["10.4.0.3"], hostPort: 8081 };

const saved = `*nat
:PREROUTING ACCEPT [0:0]
:CNI-6de89894748e8d61792bcc6f - [0:0]
:CNI-aaaaaaaaaaaaaaaaaaaaaaaa - [0:0]
-A POSTROUTING -s 10.4.0.2/32 -m comment --comment "id: \\"${first.containerId}\\"" -j CNI-6de89894748e8d61792bcc6f
-A POSTROUTING -s 10.4.0.3/32 -m comment --comment "id: \\"${second.containerId}\\"" -j CNI-aaaaaaaaaaaaaaaaaaaaaaaa
-A CNI-6de89894748e8d61792bcc6f -d 10.4.0.0/16 -j ACCEPT
-A OTHER -d 10.4.0.20/32 --dport 80801 -j ACCEPT
COMMIT
`;

test("the statements of one container are found by its ID, address, port and hashes, and made for another", () => {
  const statements = iptablesStatements(saved);
  const { own, rewrite } = learn(
    statements.map(({ text }) => text),
    first,
    second,
  );
  const mine = statements.filter(({ text }) => own(text));
  assert.equal(mine.length, 3);
  const other = iptablesInput(mine.map(({ table, text }) => ({ table, text: rewrite(text, 7) })));
  const [table, chain, ...rules] = other.trimEnd().split("\n");
  assert.equal(table, "*nat");
  const name = /^:(CNI-[0-9a-f]{24}) - \[0:0\]$/.exec(chain ?? "")?.[1] ?? "none";
  assert.notEqual(name, "CNI-6de89894748e8d61792bcc6f");
  const { containerId } = identityOf(7, first);
  assert.match(containerId, /^cnitool-[0-9a-f]{20}$/);
  assert.deepEqual(rules, [
    `-A POSTROUTING -s 10.4.16.7/32 -m comment --comment "id: \\"${containerId}\\"" -j ${name}`,
    `-A ${name} -d 10.4.0.0/16 -j ACCEPT`,
    "COMMIT",
  ]);
});

test("a hash that both containers have stays", () => {
  const rule = (id: string, address: string, own: string): string =>
    `add rule inet t c ip saddr ${address} comment "9788938a359180d9-${own}, id: ${id}"`;
  const rules = [
    rule(first.containerId, "10.4.0.2", "9b4b084fd5e54b3c"),
    rule(second.containerId, "10.4.0.3", "1111111111111111"),
  ];
  const { rewrite } = learn(rules, first, second);
  const other = rewrite(rules[0] ?? "", 1);
  assert.match(
    other,
    /^add rule inet t c ip saddr 10\.4\.16\.1 comment "9788938a359180d9-[0-9a-f]{16}, id: cnitool-/,
  );
  assert.doesNotMatch(other, /9b4b084fd5e54b3c/);
});

test("addresses of IPv6 and ports are other ones for each number", () => {
  const like = { containerId: "c", addresses: ["10.88.0.2", "2001:db8:4860::2"], hostPort: 8080 };
  assert.deepEqual(identityOf(1000, like).addresses, ["10.88.19.232", "2001:db8:4860::13e8"]);
  assert.equal(identityOf(1000, like).hostPort, 11_000);
});

test("a listing of nft is taken apart into rules and elements; iptables' own tables are left out", () => {
  const listing = `table ip nat {
	chain POSTROUTING {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr 10.4.0.2 jump X
	}
}
table inet cni {
	comment "ours"
	map owners {
		type ifname . mark : verdict
		elements = { "cca8, f2d" . 0x00000000 comment "net/c1/eth0" : jump a,
			     10.4.0.2 : goto b }
	}

	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr vmap @sources4
	}
}
`;
  assert.deepEqual(nftStatements(listing), [
    'add element inet cni owners { "cca8, f2d" . 0x00000000 comment "net/c1/eth0" : jump a }',
    "add element inet cni owners { 10.4.0.2 : goto b }",
    "add rule inet cni postrouting ip saddr vmap @sources4",
  ]);
});
