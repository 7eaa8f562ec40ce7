/** The nftables backend's table, as a kernel keeps it. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Host, hostFor } from "../../../conformance/harness/host/host.ts";
import { parseIp } from "../../../shared/ip/address.ts";
import { inNetns, openNetns } from "../../../shared/linux/netns.ts";
import { openNftables } from "../../../shared/nftables/client.ts";
import type { Admission } from "../attachment.ts";
import type { IsolationPolicy } from "../isolation.ts";
import { differenceFromTables } from "./difference.ts";
import { addToRuleset, collectInRuleset, removeFromRuleset, sweepRuleset } from "./ruleset.ts";

/** A host, a way to run a function in it, and its ruleset as `nft` prints it. */
async function ruleset(t: TestContext) {
  const host: Host = await hostFor(t);
  const netns = openNetns(host.outside("/proc/1/ns/net"));
  t.after(() => netns.close());
  return {
    host,
    inside: <T>(work: () => T): T => inNetns(netns, work),
    list: (...what: string[]) =>
      host.run("nft", ["list", ...(what.length === 0 ? ["ruleset"] : what)]).stdout,
    nft: (text: string) => host.run("nft", ["-f", "-"], { input: text }),
  };
}

const owner = (containerId: string, network = "net1") => ({ network, containerId, ifname: "eth0" });

function wanted(
  id: string,
  addresses: string[],
  policy?: IsolationPolicy,
  bridge = "cni0",
  network = "net1",
): Admission {
  const parsed = addresses.map((text) => {
    const address = parseIp(text);
    assert.ok(address !== undefined);
    return address;
  });
  const isolation = policy && { isolation: { policy, bridge, ports: [`veth-${id}`] } };
  return { comment: `${network}/${id}/eth0`, addresses: parsed, ...isolation };
}

test("the whole table, and nothing of a container when it has gone", async (t) => {
  const { inside, list } = await ruleset(t);
  inside(() => {
    addToRuleset(wanted("a", ["10.0.0.2", "2001:db8::2"], "same-bridge"));
    addToRuleset(wanted("b", ["10.0.1.2"], "isolated", "cni1"));
    addToRuleset(wanted("c", ["10.0.2.2"]));
  });
  assert.equal(
    list().replace(/,\n\s+/g, ", "),
    `table inet cni_firewall {
	comment "CNI firewall plugin: forwarded packets of containers"
	map addresses4 {
		type ipv4_addr : verdict
		elements = { 10.0.0.2 comment "net1/a/eth0" : jump on-cni0, 10.0.1.2 comment "net1/b/eth0" : jump on-cni1, 10.0.2.2 comment "net1/c/eth0" : accept }
	}

	map addresses6 {
		type ipv6_addr : verdict
		elements = { 2001:db8::2 comment "net1/a/eth0" : jump on-cni0 }
	}

	set bridges {
		type ifname
		elements = { "cni0", "cni1" }
	}

	set same_bridge {
		type ifname . ifname
		elements = { "cni0" . "cni0" }
	}

	map owners {
		type ifname . mark : ipv4_addr . ipv6_addr . ifname
		elements = { "b2410830d9fe451" . 0x00000000 comment "net1/a/eth0" : 10.0.0.2 . 2001:db8::2 . "-", "39cd1741c081e35" . 0x00000000 comment "net1/b/eth0" : 10.0.1.2 . :: . "veth-b", "547bdf7c047f81a" . 0x00000000 comment "net1/c/eth0" : 10.0.2.2 . :: . "-" }
	}

	chain admin {
		comment "yours: asked before containers are let through"
	}

	chain isolation {
		iifname . oifname @same_bridge return
		iifname @bridges oifname @bridges drop
	}

	chain forward {
		type filter hook forward priority filter; policy accept;
		jump isolation
		jump admin
		ct state established,related ip daddr vmap @addresses4
		ct state established,related ip6 daddr vmap @addresses6
		ip saddr vmap @addresses4
		ip6 saddr vmap @addresses6
	}

	chain on-cni0 {
		accept
	}

	chain on-cni1 {
		accept
	}
}
table bridge cni_firewall {
	comment "CNI firewall plugin: ingressPolicy isolated"
	map ports {
		type ifname : verdict
		elements = { "veth-b" comment "net1/b/eth0" : jump on-cni1 }
	}

	set gateways {
		type ifname
	}

	chain forward {
		type filter hook forward priority filter; policy accept;
		iifname @gateways accept
		oifname @gateways accept
		iifname vmap @ports
		oifname vmap @ports
	}

	chain on-cni1 {
		drop
	}
}
`,
  );
  inside(() => {
    for (const id of ["a", "b", "c"]) assert.equal(removeFromRuleset(owner(id)), true);
    for (const id of ["a", "b", "c"]) assert.equal(removeFromRuleset(owner(id)), false, "twice");
  });
  assert.doesNotMatch(list(), /table bridge|elements|on-|net1/);
  assert.match(list(), /jump admin/, "what is shared stays");
});

/** What is wanted of an isolated container whose gateway is that of a VLAN. */
function behindGateway(id: string, bridge: string, vlan: number, port: string): Admission {
  const gateways = [{ name: `${bridge}.${vlan}`, port }];
  const isolation = { policy: "isolated", bridge, ports: [`veth-${id}`], gateways } as const;
  return { ...wanted(id, [`10.0.${vlan}.2`]), isolation };
}

test("ways to gateways of VLANs go with the bridge's last isolated port", async (t) => {
  const { inside, list } = await ruleset(t);
  const gateways = () =>
    [...list("set", "bridge", "cni_firewall", "gateways").matchAll(/"(\S+)" comment "(\S+)"/g)]
      .map(([, port, name]) => `${port} ${name}`)
      .sort();
  inside(() => {
    addToRuleset(behindGateway("a", "cni0", 10, "gw10"));
    addToRuleset(behindGateway("b", "cni0", 20, "gw20"));
    addToRuleset(behindGateway("x", "cni0.1", 10, "gw1"));
    addToRuleset(wanted("c", ["10.0.0.2"], "isolated"));
  });
  assert.deepEqual(gateways(), ["gw1 cni0.1.10", "gw10 cni0.10", "gw20 cni0.20"]);
  const nftables = inside(openNftables);
  const generation = nftables.generation();
  inside(() => addToRuleset(behindGateway("b", "cni0", 20, "gw20")));
  assert.equal(nftables.generation(), generation, "a repeated ADD changes nothing");
  inside(() => addToRuleset(behindGateway("b", "cni0", 20, "gw20b")));
  assert.deepEqual(gateways(), ["gw1 cni0.1.10", "gw10 cni0.10", "gw20b cni0.20"], "made anew");
  inside(() => {
    removeFromRuleset(owner("a"));
    removeFromRuleset(owner("b"));
  });
  assert.deepEqual(gateways(), ["gw1 cni0.1.10", "gw10 cni0.10", "gw20b cni0.20"], "c is isolated still");
  inside(() => sweepRuleset((comment) => comment === "net1/c/eth0"));
  assert.deepEqual(gateways(), ["gw1 cni0.1.10"]);
  inside(() => addToRuleset(behindGateway("x", "cni0", 10, "gw10")));
  assert.deepEqual(gateways(), ["gw10 cni0.10"], "moved to another bridge");
  inside(() => collectInRuleset("net1", []));
  assert.doesNotMatch(list(), /gw10|table bridge/);
});

/** The table of builds that did not know of gateways. */
function asEarlierBuilds(nft: (text: string) => void): void {
  nft("flush chain bridge cni_firewall forward; delete set bridge cni_firewall gateways;");
  nft("add rule bridge cni_firewall forward iifname vmap @ports");
  nft("add rule bridge cni_firewall forward oifname vmap @ports");
}

test("a table of earlier builds becomes the present one with the next ADD, and goes by a DEL", async (t) => {
  const { inside, list, nft } = await ruleset(t);
  const plain = wanted("a", ["10.0.0.2"], "isolated");
  const behind = behindGateway("b", "cni0", 10, "gw10");
  const differenceOf = (what: Admission) => inside(() => differenceFromTables(openNftables(), what));
  inside(() => addToRuleset(plain));
  const whole = list("table", "bridge", "cni_firewall");
  asEarlierBuilds(nft);
  assert.equal(differenceOf(plain), undefined, "it isolates all the same");
  inside(() => addToRuleset(behind));
  assert.equal(differenceOf(behind), undefined);
  inside(() => removeFromRuleset(owner("b")));
  const withoutGateway = list("table", "bridge", "cni_firewall").replace(
    /\n\t\telements = .*"cni0.10" }/,
    "",
  );
  assert.equal(sorted(withoutGateway), sorted(whole));

  inside(() => addToRuleset(behind));
  asEarlierBuilds(nft);
  assert.equal(differenceOf(behind), "set bridge cni_firewall gateways is missing");
  inside(() => {
    removeFromRuleset(owner("a"));
    removeFromRuleset(owner("b"));
  });
  assert.doesNotMatch(list(), /table bridge/);
});

/** Sets of a table are listed in the order in which they were made. */
function sorted(text: string): string {
  return text.split("\n").sort().join("\n");
}

test("nft reads its own listing of it, whatever the bridge is called", async (t) => {
  const { inside, list, nft } = await ruleset(t);
  inside(() => addToRuleset(wanted("a", ["10.0.0.2"], "isolated", "br-0.1@x#$%")));
  const whole = list();
  nft(`flush ruleset\n${whole}`);
  assert.equal(list(), whole);
  inside(() => removeFromRuleset(owner("a")));
  assert.doesNotMatch(list(), /br-0/);
});

test("a policy goes with the last container of its bridge, whatever its network", async (t) => {
  const { inside, list } = await ruleset(t);
  inside(() => {
    addToRuleset(wanted("a", ["10.0.0.2", "2001:db8::2"], "isolated"));
    addToRuleset(wanted("b", ["10.0.0.3"], "isolated", "cni0", "net2"));
    addToRuleset(wanted("x", ["10.0.1.3"], "isolated", "cni1"));
    removeFromRuleset(owner("a"));
  });
  assert.match(list(), /elements = { "cni0",/);
  assert.match(list("table", "bridge", "cni_firewall"), /chain on-cni0/);
  inside(() => removeFromRuleset(owner("b", "net2")));
  assert.match(list(), /elements = { "cni1" }/);
  assert.doesNotMatch(list(), /cni0/);
});

test("a bridge has the policy of the last ADD", async (t) => {
  const { inside, list } = await ruleset(t);
  const portChain = () => list("chain", "bridge", "cni_firewall", "on-cni0");
  inside(() => addToRuleset(wanted("a", ["10.0.0.2"], "isolated")));
  assert.doesNotMatch(list(), /"cni0" \. "cni0"/);
  assert.match(portChain(), /drop/);
  inside(() => addToRuleset(wanted("b", ["10.0.0.3"], "same-bridge")));
  assert.match(list(), /"cni0" \. "cni0"/);
  assert.doesNotMatch(portChain(), /drop/);
  inside(() => addToRuleset(wanted("c", ["10.0.0.4"], "isolated")));
  assert.doesNotMatch(list(), /"cni0" \. "cni0"/);
  assert.match(portChain(), /drop/);
  inside(() => addToRuleset(wanted("d", ["10.0.0.5"])));
  assert.match(portChain(), /drop/, "open leaves it");
  inside(() => {
    for (const id of ["a", "b", "c"]) removeFromRuleset(owner(id));
  });
  assert.doesNotMatch(list(), /cni0/);
});

test("a late DEL leaves the address to its next owner", async (t) => {
  const { inside, list } = await ruleset(t);
  inside(() => {
    addToRuleset(wanted("dead", ["10.0.0.2"], "isolated"));
    addToRuleset(wanted("alive", ["10.0.0.2"], "same-bridge", "cni1"));
  });
  const table = list("table", "inet", "cni_firewall");
  assert.doesNotMatch(table, /cni0/, "the policy went with the last container");
  assert.match(table, /: 10\.0\.0\.2 \. :: \. "veth-dead"/, "its port is still to be found");
  inside(() => removeFromRuleset(owner("dead")));
  assert.match(list(), /10\.0\.0\.2 comment "net1\/alive\/eth0" : jump on-cni1/);
  assert.doesNotMatch(list(), /cni0|dead/);
  inside(() => addToRuleset(wanted("next", ["10.0.0.2"])));
  assert.doesNotMatch(list(), /cni1|alive/, "who has nothing left is not listed");
});

test("an ADD with other addresses, port or policy leaves nothing of the one before", async (t) => {
  const { inside, list } = await ruleset(t);
  const add = (one: Admission) => inside(() => addToRuleset(one));
  add(wanted("a", ["10.0.0.2", "10.0.0.3", "2001:db8::2"], "isolated"));
  const other = wanted("a", ["2001:db8::3", "10.0.0.3"], "isolated");
  add({ ...other, isolation: { policy: "isolated", bridge: "cni0", ports: ["veth-new"] } });
  assert.doesNotMatch(list(), /10\.0\.0\.2|db8::2|veth-a/);
  assert.match(list(), /10\.0\.0\.3 \. 2001:db8::3 \. "veth-new"/);
  add(wanted("a", ["10.0.0.4"], "same-bridge", "cni1"));
  assert.doesNotMatch(list(), /10\.0\.0\.3|db8|veth|cni0|table bridge/);
  add(wanted("a", ["10.0.0.4"]));
  assert.doesNotMatch(list(), /cni\d/);
  inside(() => removeFromRuleset(owner("a")));
  assert.doesNotMatch(list(), /net1/);
});

test("DEL and GC find what map owners does not list", async (t) => {
  const { inside, list, nft } = await ruleset(t);
  const add = () => {
    inside(() => {
      addToRuleset(wanted("a", ["10.0.0.2", "2001:db8::2"], "isolated"));
      addToRuleset(wanted("b", ["10.0.0.3"], "isolated"));
    });
  };
  add();
  nft("delete map inet cni_firewall owners");
  inside(() => removeFromRuleset(owner("a")));
  assert.doesNotMatch(list(), /net1\/a|veth-a/);
  inside(() => collectInRuleset("net1", []));
  assert.doesNotMatch(list(), /net1|cni0|table bridge/);
  add();
  nft("delete element inet cni_firewall addresses4 { 10.0.0.2 }");
  inside(() => removeFromRuleset(owner("a")));
  assert.doesNotMatch(list(), /net1\/a|veth-a/, "what somebody has removed by hand is no obstacle");
  nft("flush map inet cni_firewall addresses4");
  inside(() => collectInRuleset("net1", []));
  assert.doesNotMatch(list(), /net1|veth/);
});

test("a repeated ADD changes nothing", async (t) => {
  const { inside } = await ruleset(t);
  const nftables = inside(openNftables);
  for (const policy of [undefined, "same-bridge", "isolated"] as const) {
    inside(() => addToRuleset(wanted("a", ["10.0.0.2", "2001:db8::2"], policy)));
    const generation = nftables.generation();
    inside(() => addToRuleset(wanted("a", ["10.0.0.2", "2001:db8::2"], policy)));
    assert.equal(nftables.generation(), generation, policy);
  }
});

test("the admin chain is the administrator's: declared before the first ADD, kept ever after", async (t) => {
  const { inside, list, nft } = await ruleset(t);
  nft(
    'table inet cni_firewall { chain admin { ip daddr 192.0.2.9 counter drop; }; chain mine { comment "x"; }; }',
  );
  inside(() => addToRuleset(wanted("a", ["10.0.0.2"], "isolated")));
  inside(() => removeFromRuleset(owner("a")));
  inside(() => addToRuleset(wanted("b", ["10.0.0.3"])));
  assert.match(list("chain", "inet", "cni_firewall", "admin"), /ip daddr 192\.0\.2\.9 counter .* drop/);
  assert.match(list(), /chain mine/);
});

test("what was flushed comes back with the next ADD; DEL works after any flush", async (t) => {
  const { inside, list, nft } = await ruleset(t);
  const two = () =>
    inside(() => {
      addToRuleset(wanted("a", ["10.0.0.2"], "isolated"));
      addToRuleset(wanted("b", ["10.0.0.3"], "isolated"));
    });
  two();
  const whole = list();
  nft("flush table inet cni_firewall; flush table bridge cni_firewall;");
  inside(() => addToRuleset(wanted("b", ["10.0.0.3"], "isolated")));
  assert.equal(list(), whole);
  nft("flush ruleset");
  two();
  assert.equal(list(), whole);
  nft("flush map inet cni_firewall addresses4");
  inside(() => removeFromRuleset(owner("a")));
  nft("flush ruleset");
  inside(() => assert.equal(removeFromRuleset(owner("b")), false));
  assert.equal(list(), "");
});

test("GC keeps what is listed and other networks", async (t) => {
  const { inside, list } = await ruleset(t);
  inside(() => {
    addToRuleset(wanted("a", ["10.0.0.2"], "same-bridge"));
    addToRuleset(wanted("b", ["10.0.0.3", "2001:db8::3"], "isolated", "cni1"));
    addToRuleset(wanted("a", ["10.1.0.2"], undefined, "", "net11"));
    collectInRuleset("net1", [owner("a")]);
  });
  assert.match(list(), /10\.0\.0\.2 comment "net1\/a\/eth0"/);
  assert.match(list(), /10\.1\.0\.2 comment "net11\/a\/eth0"/);
  assert.doesNotMatch(list(), /net1\/b|cni1|table bridge/);
});

test("500 containers have the rules of one", async (t) => {
  const { inside, host } = await ruleset(t);
  const count = () => (host.run("nft", ["-j", "list", "ruleset"]).stdout.match(/"rule":/g) ?? []).length;
  const add = (index: number) =>
    inside(() =>
      addToRuleset(
        wanted(
          `c${index}`,
          [`10.0.${index >> 8}.${index & 255}`, `2001:db8::${index.toString(16)}`],
          "isolated",
        ),
      ),
    );
  add(2);
  const one = count();
  for (let index = 3; index < 502; index++) add(index);
  assert.equal(count(), one);
  inside(() => collectInRuleset("net1", []));
  assert.equal(
    host.run("nft", ["list", "map", "inet", "cni_firewall", "addresses4"]).stdout.includes("net1"),
    false,
  );
});
