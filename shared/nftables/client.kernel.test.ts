import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Host, hostFor } from "../../conformance/harness/host/host.ts";
import { isErrno } from "../errors/system-error.ts";
import { inNetns, openNetns } from "../linux/netns.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "../netlink/constants.ts";
import { addChain, deleteChain, flushChain } from "./chain.ts";
import { changeRuleset, hasNftables, type Nftables, openNftables } from "./client.ts";
import { addElements, deleteElements, type Element } from "./element.ts";
import { NftablesRefusal } from "./refusal.ts";
import { addRule, deleteRule } from "./rule.ts";
import { addSet, type NamedSet } from "./set.ts";
import * as words from "./statement.ts";
import { addTable, deleteTable } from "./table.ts";
import { completeTable, readTableState, type TableDefinition } from "./table-definition.ts";

const table = { family: "inet", name: "cni_test" } as const;
const addresses: NamedSet = { table, name: "addresses", key: ["ipv4_addr"] };
const postrouting = {
  table,
  name: "postrouting",
  base: { type: "nat", hook: "postrouting", priority: 100, policy: "accept" },
} as const;

/** A host, and its ruleset as this module sees it. */
async function rulesetFor(t: TestContext): Promise<{ host: Host; nftables: Nftables }> {
  const host = await hostFor(t);
  host.addNetns("n");
  const netns = openNetns(host.outside("/run/netns/n"));
  const nftables = inNetns(netns, openNftables);
  netns.close();
  return { host, nftables };
}

function nft(host: Host, ...args: string[]): string {
  return host.inNetns("n", "nft", args).stdout;
}

function number(index: number, comment?: string): Element {
  const key = Uint8Array.of(10, 0, index >> 8, index & 255);
  return comment === undefined ? { key } : { key, comment };
}

/** Runs what has to fail with a refusal. */
function refused(work: () => void): NftablesRefusal {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof NftablesRefusal, String(error));
    return error;
  }
  assert.fail("it was not refused");
}

test("nothing of a batch is applied when one command fails, and the error names it", async (t) => {
  const { host, nftables } = await rulesetFor(t);
  const commands = [
    addTable(table),
    addChain(postrouting),
    addRule(postrouting, { expressions: words.compileRule("inet", [words.masquerade()]) }),
    deleteChain({ table, name: "absent" }),
    addSet(addresses),
  ];
  const error = refused(() => nftables.apply(commands));
  assert.equal(error.message, "cannot delete chain inet cni_test absent: ENOENT, no such file or directory");
  assert.equal(nft(host, "list", "ruleset"), "");
});

test("the error tells which part of a command was refused", async (t) => {
  const { nftables } = await rulesetFor(t);
  nftables.apply([addTable(table), addChain(postrouting), addSet(addresses)]);
  const rule = (...statements: words.Statement[]) =>
    addRule(postrouting, { expressions: words.compileRule("inet", statements) });

  const noSet = refused(() => nftables.apply([rule(words.inSet(["ip saddr"], "==", "absent"))]));
  assert.equal(
    noSet.message,
    "cannot add rule to chain inet cni_test postrouting (at lookup @absent): ENOENT, no such file or directory",
  );
  assert.equal(noSet.advice, undefined);

  const noChain = refused(() => nftables.apply([rule(words.verdict("jump", "absent"))]));
  assert.match(noChain.message, /postrouting \(at jump absent\): ENOENT/);

  nftables.apply(addElements(addresses, [number(2)]));
  const elements = [number(1), number(2), number(3)];
  const created = addElements(addresses, elements).map((command) => ({
    ...command,
    flags: NLM_F_CREATE | NLM_F_EXCL,
  }));
  const taken = refused(() => nftables.apply(created));
  assert.match(
    taken.message,
    /^cannot add element of set inet cni_test addresses \(at 10\.0\.0\.2\): EEXIST/,
  );
  assert.deepEqual(nftables.listElements(addresses), [number(2)]);
  const absent = refused(() => nftables.apply(deleteElements(addresses, [number(2), number(7)])));
  assert.match(
    absent.message,
    /^cannot delete element of set inet cni_test addresses \(at 10\.0\.0\.7\): ENOENT/,
  );
});

test("what the kernel was built without is named", async (t) => {
  const { host, nftables } = await rulesetFor(t);
  const config = host.run("sh", ["-c", "zcat /proc/config.gz"], { check: false }).stdout;
  if (!config.includes("# CONFIG_NFT_BRIDGE_META is not set")) {
    t.skip("this kernel has CONFIG_NFT_BRIDGE_META");
    return;
  }
  const bridge = { family: "bridge", name: "cni_test" } as const;
  const chain = { table: bridge, name: "c" };
  const expressions = [{ kind: "meta", key: "ibrname", register: 0 }] as const;
  const error = refused(() =>
    nftables.apply([addTable(bridge), addChain(chain), addRule(chain, { expressions })]),
  );
  assert.match(error.message, /^cannot add rule to chain bridge cni_test c \(at meta ibrname\): EOPNOTSUPP/);
  assert.equal(error.advice, "the kernel lacks this kind of expression: CONFIG_NFT_BRIDGE_META");
});

test("a kind of chain that the family does not have is named", async (t) => {
  const { nftables } = await rulesetFor(t);
  const bridge = { family: "bridge", name: "cni_test" } as const;
  const chain = { ...postrouting, table: bridge };
  const error = refused(() => nftables.apply([addTable(bridge), addChain(chain)]));
  assert.match(error.message, /^cannot add chain bridge cni_test postrouting: ENOENT/);
  assert.match(error.advice ?? "", /CONFIG_NF_TABLES_BRIDGE/);
});

test("a thousand elements with comments in one batch, read back whole and one by one", async (t) => {
  const { host, nftables } = await rulesetFor(t);
  const elements = Array.from({ length: 1000 }, (_, index) => number(index, `owner-${index} `.repeat(9)));
  nftables.apply([addTable(table), addSet(addresses), ...addElements(addresses, elements)]);
  const read = nftables.listElements(addresses);
  assert.equal(read.length, 1000);
  assert.deepEqual(nftables.getElement(addresses, number(777)), number(777, "owner-777 ".repeat(9)));
  assert.equal(nftables.getElement(addresses, number(1000)), undefined);
  assert.deepEqual(nftables.findElements(addresses, "owner-777 "), [number(777, "owner-777 ".repeat(9))]);
  assert.equal(nftables.findElements(addresses, "owner-77").length, 11);
  assert.deepEqual(nftables.findElements(addresses, "wner-777"), [], "only from the begin");
  assert.match(
    nft(host, "list", "set", "inet", "cni_test", "addresses"),
    /10\.0\.3\.231 comment "owner-999 /,
  );
  nftables.apply(deleteElements(addresses, elements));
  assert.deepEqual(nftables.listElements(addresses), []);
});

test("a batch of many messages, and one of many refusals", async (t) => {
  const { nftables } = await rulesetFor(t);
  const rules = Array.from({ length: 5000 }, (_, index) =>
    addRule(postrouting, {
      expressions: words.compileRule("inet", [words.masquerade()]),
      comment: `rule number ${index}, with a comment of some length so that the batch gets large`,
    }),
  );
  nftables.apply([addTable(table), addChain(postrouting), ...rules]);
  assert.equal(nftables.listRules(table).length, 5000);
  const refusals = Array.from({ length: 5000 }, (_, index) => deleteChain({ table, name: `absent${index}` }));
  const error = refused(() => nftables.apply(refusals));
  assert.match(error.message, /^cannot delete chain inet cni_test absent0: ENOENT/);
  assert.equal(nftables.listRules(table).length, 5000, "the socket can be used further");
});

test("rules are added behind others and deleted by handle, and chains are flushed", async (t) => {
  const { host, nftables } = await rulesetFor(t);
  const chain = { table, name: "c" };
  const rule = (comment: string) => ({
    expressions: words.compileRule("inet", [words.verdict("accept")]),
    comment,
  });
  nftables.apply([
    addTable(table),
    addChain(chain),
    addRule(chain, rule("a")),
    addRule(chain, rule("b")),
    addRule(chain, rule("c")),
  ]);
  const comments = () => nftables.listRules(table, "c").map(({ comment }) => comment);
  assert.deepEqual(comments(), ["a", "b", "c"]);
  const [, second] = nftables.listRules(table, "c");
  assert.ok(second !== undefined);
  nftables.apply([deleteRule(second)]);
  assert.deepEqual(comments(), ["a", "c"]);
  nftables.apply([flushChain(chain)]);
  assert.deepEqual(comments(), []);
  nftables.apply([deleteChain(chain)]);
  assert.equal(nft(host, "list", "ruleset"), "table inet cni_test {\n}\n");
  nftables.apply([deleteTable(table)]);
  assert.equal(nft(host, "list", "ruleset"), "");
});

test("what does not exist is read as nothing", async (t) => {
  const { nftables } = await rulesetFor(t);
  assert.deepEqual(nftables.listTables(), []);
  assert.equal(nftables.getTable(table), undefined);
  assert.equal(nftables.getChain(postrouting), undefined);
  assert.equal(nftables.getSet(addresses), undefined);
  assert.equal(nftables.getElement(addresses, number(1)), undefined);
  assert.deepEqual(nftables.listChains(table), []);
  assert.deepEqual(nftables.listRules(table), []);
  assert.deepEqual(nftables.listRules(table, "c"), []);
  assert.deepEqual(nftables.listSets(table), []);
  assert.deepEqual(nftables.listElements(addresses), []);
});

test("the rules of the Go plugins' nft calls are found by their comments", async (t) => {
  const { host, nftables } = await rulesetFor(t);
  const input = `
    add table inet cni_plugins_masquerade { comment "Masquerading for plugins from github.com/containernetworking/plugins" ; }
    add chain inet cni_plugins_masquerade masq_checks { comment "Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet" ; }
    add chain inet cni_plugins_masquerade postrouting { type nat hook postrouting priority 100 ; }
    add rule inet cni_plugins_masquerade postrouting ip daddr == 224.0.0.0/4  return
    add rule inet cni_plugins_masquerade postrouting goto masq_checks
    add rule inet cni_plugins_masquerade masq_checks ip saddr == 10.0.0.2 ip daddr != 10.0.0.0/16 masquerade comment "6fd9-287f, net: n, if: eth0, id: one"
    add rule inet cni_plugins_masquerade masq_checks ip6 saddr == fd00::2 ip6 daddr != fd00::/64 masquerade comment "6fd9-acb1, net: n, if: net1, id: three"
    add table bridge nat
    add chain bridge nat PREROUTING { type filter hook prerouting priority -300 ; }
    add chain bridge nat cni-br-iface-one-eth0
    add rule bridge nat PREROUTING iifname "veth1" jump cni-br-iface-one-eth0 comment "macspoofchk-one-eth0"`;
  host.inNetns("n", "nft", ["-f", "-"], { input });
  const theirs = { family: "inet", name: "cni_plugins_masquerade" } as const;
  changeRuleset(nftables, () => ({
    commands: nftables.findRules(theirs, "masq_checks", "6fd9-287f,").map(deleteRule),
  }));
  const left = nftables.listRules(theirs, "masq_checks").map(({ comment }) => comment);
  assert.deepEqual(left, ["6fd9-acb1, net: n, if: net1, id: three"]);
  const spoofCheck = nftables.listRules({ family: "bridge", name: "nat" });
  assert.deepEqual(spoofCheck[0]?.expressions.at(-1), {
    kind: "verdict",
    verdict: { kind: "jump", chain: "cni-br-iface-one-eth0" },
  });
});

test("a change that is based on an older state is refused, and planned again", async (t) => {
  const { host, nftables } = await rulesetFor(t);
  nftables.apply([addTable(table), addSet(addresses), ...addElements(addresses, [number(1, "old owner")])]);
  const before = nftables.generation();
  nft(host, "add table inet another");
  const error = refused(() => nftables.apply([deleteTable(table)], before));
  assert.ok(isErrno(error, "ERESTART"));
  assert.match(error.message, /somebody else changed the ruleset/);

  let plans = 0;
  changeRuleset(nftables, () => {
    const mine = nftables.listElements(addresses).filter(({ comment }) => comment === "old owner");
    // The address gets another owner between reading and writing: it must not lose its element.
    if (++plans === 1) {
      nft(host, "delete element inet cni_test addresses { 10.0.0.1 }");
      nft(host, 'add element inet cni_test addresses { 10.0.0.1 comment "new owner" }');
    }
    return { commands: deleteElements(addresses, mine) };
  });
  assert.equal(plans, 2);
  assert.deepEqual(nftables.listElements(addresses), [number(1, "new owner")]);
});

test("who changes other tables all the time keeps no change from being made", async (t) => {
  const { host, nftables } = await rulesetFor(t);
  nftables.apply([addTable(table), addSet(addresses)]);
  let plans = 0;
  changeRuleset(nftables, () => {
    nft(host, `add table inet others${++plans}`);
    return { commands: addElements(addresses, [number(1)]) };
  });
  assert.ok(plans < 20, String(plans));
  assert.deepEqual(nftables.listElements(addresses), [number(1)]);
});

test("a refusal that has nothing to do with others is not tried again", async (t) => {
  const { nftables } = await rulesetFor(t);
  let plans = 0;
  const error = refused(() =>
    changeRuleset(nftables, () => {
      plans++;
      return { commands: [deleteTable(table)] };
    }),
  );
  assert.match(error.message, /^cannot delete table inet cni_test: ENOENT/);
  assert.equal(plans, 1);
});

const definition: TableDefinition = {
  table: { ...table, comment: "a table of ours" },
  sets: [{ name: "addresses", key: ["ipv4_addr"] }],
  chains: [
    {
      name: "postrouting",
      base: postrouting.base,
      rules: [
        {
          expressions: words.compileRule("inet", [
            words.inSet(["ip saddr"], "==", "addresses"),
            words.counter(),
            words.masquerade(),
          ]),
        },
      ],
    },
  ],
};

test("a defined table is completed after others removed parts of it, and left alone when whole", async (t) => {
  const { host, nftables } = await rulesetFor(t);
  const complete = () => completeTable(definition, readTableState(nftables, definition));
  nftables.apply([...complete(), ...addElements(addresses, [number(1)])]);
  const whole = nft(host, "list", "ruleset");
  assert.deepEqual(complete(), []);
  for (const damage of [
    ["flush", "ruleset"],
    ["flush", "table", "inet", "cni_test"],
    ["delete", "chain", "inet", "cni_test", "postrouting"],
    ["insert", "rule", "inet", "cni_test", "postrouting", "accept"],
  ]) {
    nft(host, ...damage);
    nftables.apply([...complete(), ...addElements(addresses, [number(1)])]);
    assert.equal(nft(host, "list", "ruleset"), whole, damage.join(" "));
  }
});

test("processes that change the same table at the same time all succeed", async (t) => {
  const { host } = await rulesetFor(t);
  const module = (name: string) => JSON.stringify(fileURLToPath(new URL(name, import.meta.url)));
  const script = `
    const { changeRuleset, openNftables } = await import(${module("client.ts")});
    const { addElements, deleteElements } = await import(${module("element.ts")});
    const { completeTable, readTableState } = await import(${module("table-definition.ts")});
    const { compileRule, inSet, masquerade } = await import(${module("statement.ts")});
    const table = { family: "inet", name: "cni_test" };
    const set = { table, name: "addresses", key: ["ipv4_addr"] };
    const expressions = compileRule("inet", [inSet(["ip saddr"], "==", "addresses"), masquerade()]);
    const base = ${JSON.stringify(postrouting.base)};
    const definition = { table, sets: [set], chains: [{ name: "postrouting", base, rules: [{ expressions }] }] };
    const nftables = openNftables();
    const complete = () => completeTable(definition, readTableState(nftables, definition));
    const worker = Number(process.argv[1]);
    for (let index = 0; index < 20; index++) {
      const element = { key: Uint8Array.of(10, 0, worker, index), comment: "worker " + worker };
      changeRuleset(nftables, () => ({ commands: [...complete(), ...addElements(set, [element])] }));
      if (index % 2 === 1) {
        changeRuleset(nftables, () => {
          const mine = nftables.listElements(set).filter(({ comment }) => comment === element.comment);
          return { commands: deleteElements(set, mine.slice(0, 1)) };
        });
      }
    }
    console.log("done");`;
  const workers = Array.from({ length: 6 }, (_, worker) =>
    host.runAsync(process.execPath, ["--input-type=module", "-e", script, String(worker)], { netns: "n" }),
  );
  // A ruleset that somebody else changes all the time.
  for (let index = 0; index < 30; index++) {
    await host.runAsync("nft", ["add", "table", "inet", `other${index}`], { netns: "n" });
  }
  for (const { stdout, stderr } of await Promise.all(workers)) assert.equal(stdout.trim(), "done", stderr);
  const listing = nft(host, "list", "table", "inet", "cni_test");
  for (let worker = 0; worker < 6; worker++) {
    assert.equal(listing.match(new RegExp(`comment "worker ${worker}"`, "g"))?.length, 10);
  }
  assert.equal(listing.match(/masquerade/g)?.length, 1, "the rule was made once");
});

test("nf_tables is there, and asking changes nothing", async (t) => {
  const { host, nftables } = await rulesetFor(t);
  const before = nftables.generation();
  const netns = openNetns(host.outside("/run/netns/n"));
  assert.equal(inNetns(netns, hasNftables), true);
  netns.close();
  assert.equal(nftables.generation(), before);
});
