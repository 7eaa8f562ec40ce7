/** Rules made by this module, seen by packets: masquerade and forwarded ports whose containers are elements only. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Host, hostFor } from "../../conformance/harness/host/host.ts";
import {
  addOutside,
  fetchPage,
  isUnreachable,
  outsideAddresses,
  serveHttp,
  skipDuplicateDetection,
} from "../../conformance/harness/traffic/traffic.ts";
import { ipToBytes, parseIp } from "../ip/address.ts";
import { parsePrefix } from "../ip/prefix.ts";
import { inNetns, openNetns } from "../linux/netns.ts";
import { addChain, deleteChain, flushChain } from "./chain.ts";
import { changeRuleset, type Nftables, openNftables } from "./client.ts";
import type { Command } from "./command.ts";
import { concatenate, portValue, protocolValue } from "./data-type.ts";
import { addElements, deleteElements } from "./element.ts";
import { addRule } from "./rule.ts";
import type { NamedSet } from "./set.ts";
import * as words from "./statement.ts";
import { completeTable, readTableState, type TableDefinition } from "./table-definition.ts";

function bytes(address: string): Uint8Array {
  const parsed = parseIp(address);
  assert.ok(parsed !== undefined);
  return ipToBytes(parsed);
}

/**
 * Two containers on a bridge, c1 and c2, and a third, far, that has an address of the same subnet but is reached
 * through the host.
 */
async function hostWithContainers(t: TestContext): Promise<{ host: Host; nftables: Nftables }> {
  const host = await hostFor(t);
  skipDuplicateDetection(host);
  addOutside(host);
  const ip = (...args: string[]) => host.run("ip", args);
  const setting = (name: string) => host.run("sysctl", ["-qw", name]);
  setting("net.ipv4.ip_forward=1");
  setting("net.ipv6.conf.all.forwarding=1");
  setting("net.ipv4.conf.all.proxy_arp=1");
  ip("link", "add", "cni0", "type", "bridge");
  ip("address", "add", "10.22.0.1/16", "dev", "cni0");
  ip("address", "add", "fd00:22::1/64", "dev", "cni0", "nodad");
  ip("link", "set", "cni0", "up");
  const attach = (name: string, last: number, master: string | undefined) => {
    host.addNetns(name);
    skipDuplicateDetection(host, { netns: name });
    const [four, six] = [`10.22.0.${last}`, `fd00:22::${last}`];
    const inside = (...args: string[]) => host.inNetns(name, "ip", args);
    ip("link", "add", `veth-${name}`, "type", "veth", "peer", "name", "eth0", "netns", name);
    ip("link", "set", `veth-${name}`, "up", ...(master === undefined ? [] : ["master", master]));
    inside("link", "set", "eth0", "up");
    inside("link", "set", "lo", "up");
    inside("address", "add", `${four}/${master === undefined ? 32 : 16}`, "dev", "eth0");
    inside("address", "add", `${six}/${master === undefined ? 128 : 64}`, "dev", "eth0", "nodad");
    inside("route", "add", "10.22.0.1/32", "dev", "eth0");
    inside("route", "add", "fd00:22::1/128", "dev", "eth0");
    inside("route", "add", "default", "via", "10.22.0.1");
    inside("route", "add", "default", "via", "fd00:22::1");
    if (master !== undefined) return;
    ip("route", "add", `${four}/32`, "dev", `veth-${name}`);
    ip("route", "add", `${six}/128`, "dev", `veth-${name}`);
    ip("address", "add", "fd00:22::1/128", "dev", `veth-${name}`, "nodad");
    host.inNetns("c1", "ip", ["route", "add", `${four}/32`, "via", "10.22.0.1"]);
    host.inNetns("c1", "ip", ["route", "add", `${six}/128`, "via", "fd00:22::1"]);
  };
  attach("c1", 2, "cni0");
  attach("c2", 3, "cni0");
  attach("far", 4, undefined);
  const netns = openNetns(host.outside("/proc/1/ns/net"));
  const nftables = inNetns(netns, openNftables);
  netns.close();
  return { host, nftables };
}

const table = { family: "inet", name: "cni_masquerade" } as const;
const sources = {
  4: { table, name: "sources4", key: ["ipv4_addr"], data: "verdict" },
  6: { table, name: "sources6", key: ["ipv6_addr"], data: "verdict" },
} as const satisfies Record<4 | 6, NamedSet>;

function multicast(field: "ip daddr" | "ip6 daddr", text: string) {
  const prefix = parsePrefix(text);
  assert.ok(prefix !== undefined);
  const statements = [words.inPrefix(field, "==", prefix), words.verdict("return")];
  return { expressions: words.compileRule("inet", statements) };
}

/** Static: which way a packet goes is decided by its source's element. */
const masquerade: TableDefinition = {
  table: { ...table, comment: "source translation for containers" },
  sets: [sources[4], sources[6]],
  chains: [
    {
      name: "postrouting",
      base: { type: "nat", hook: "postrouting", priority: 100, policy: "accept" },
      rules: [
        multicast("ip daddr", "224.0.0.0/4"),
        multicast("ip6 daddr", "ff00::/8"),
        { expressions: words.compileRule("inet", [words.verdictMap(["ip saddr"], "sources4")]) },
        { expressions: words.compileRule("inet", [words.verdictMap(["ip6 saddr"], "sources6")]) },
      ],
    },
  ],
};

interface Container {
  readonly owner: string;
  readonly address: string;
  readonly subnet: string;
}

/** One chain for each subnet, shared by all its containers. */
function leavingChain(subnet: string) {
  return { table, name: `leaving-${subnet.replaceAll(":", "_")}` };
}

function planAdd(nftables: Nftables, { owner, address, subnet }: Container): Command[] {
  const family = address.includes(":") ? 6 : 4;
  const prefix = parsePrefix(subnet);
  assert.ok(prefix !== undefined);
  const chain = leavingChain(subnet);
  const statements = [
    words.inPrefix(family === 4 ? "ip daddr" : "ip6 daddr", "!=", prefix),
    words.masquerade(),
  ];
  const rule = { expressions: words.compileRule("inet", statements) };
  const verdict = { kind: "goto", chain: chain.name } as const;
  const element = { key: bytes(address), data: { verdict }, comment: owner };
  const chainIsThere = nftables.getChain(chain) !== undefined;
  const old = nftables.getElement(sources[family], element);
  return [
    ...completeTable(masquerade, readTableState(nftables, masquerade)),
    ...(chainIsThere ? [] : [addChain(chain), addRule(chain, rule)]),
    ...(old === undefined ? [] : deleteElements(sources[family], [old])),
    ...addElements(sources[family], [element]),
  ];
}

function planDelete(nftables: Nftables, owner: string): Command[] {
  return ([4, 6] as const).flatMap((family) => {
    const mine = nftables.findElements(sources[family], owner).filter(({ comment }) => comment === owner);
    const chains = new Map<string, number>();
    for (const { data } of mine) {
      if (data === undefined || !("verdict" in data) || !("chain" in data.verdict)) continue;
      chains.set(data.verdict.chain, (chains.get(data.verdict.chain) ?? 0) + 1);
    }
    const unused = [...chains].filter(([name, count]) => {
      const uses = nftables.getChain({ table, name })?.uses ?? 0;
      return uses === count + nftables.listRules(table, name).length;
    });
    return [
      ...deleteElements(sources[family], mine),
      ...unused.flatMap(([name]) => [flushChain({ table, name }), deleteChain({ table, name })]),
    ];
  });
}

for (const [family, net] of [
  ["ipv4", { c1: "10.22.0.2", c2: "10.22.0.3", far: "10.22.0.4", subnet: "10.22.0.0/16" }],
  ["ipv6", { c1: "fd00:22::2", c2: "fd00:22::3", far: "fd00:22::4", subnet: "fd00:22::/64" }],
] as const) {
  const url = (address: string, port = 80) =>
    `http://${address.includes(":") ? `[${address}]` : address}:${port}/`;

  test(`${family}: containers that are elements are masqueraded, and only on their way out`, async (t) => {
    const { host, nftables } = await hostWithContainers(t);
    await serveHttp(host, "outside", 80, "outside");
    await serveHttp(host, "far", 80, "far");
    const outside = url(outsideAddresses.outside[family]);
    const add = (owner: string, address: string) =>
      changeRuleset(nftables, () => ({
        commands: planAdd(nftables, { owner, address, subnet: net.subnet }),
      }));
    const remove = (owner: string) =>
      changeRuleset(nftables, () => ({ commands: planDelete(nftables, owner) }));

    assert.ok(isUnreachable(host, outside, { netns: "c1" }), "without it nobody knows the way back");
    add("net1/one/eth0", net.c1);
    assert.deepEqual(fetchPage(host, outside, { netns: "c1" }), {
      page: "outside",
      client: outsideAddresses.host[family],
    });
    assert.deepEqual(fetchPage(host, url(net.far), { netns: "c1" }), { page: "far", client: net.c1 });
    assert.ok(isUnreachable(host, outside, { netns: "c2" }), "not an element");

    add("net1/two/eth0", net.c2);
    assert.equal(fetchPage(host, outside, { netns: "c2" }).client, outsideAddresses.host[family]);
    remove("net1/one/eth0");
    assert.ok(isUnreachable(host, outside, { netns: "c1" }));
    assert.equal(fetchPage(host, outside, { netns: "c2" }).page, "outside");

    const listing = host.run("nft", ["list", "ruleset"]).stdout;
    host.run("nft", ["-f", "-"], { input: `flush ruleset\n${listing}` });
    assert.equal(host.run("nft", ["list", "ruleset"]).stdout, listing, "nft reads its own listing");

    remove("net1/two/eth0");
    assert.ok(isUnreachable(host, outside, { netns: "c2" }));
    remove("net1/two/eth0");
    const names = nftables.listChains(table).map(({ name }) => name);
    assert.deepEqual(names, ["postrouting"], "the subnet's chain went with its last container");
  });

  test(`${family}: a late DEL leaves the address's next owner alone`, async (t) => {
    const { host, nftables } = await hostWithContainers(t);
    await serveHttp(host, "outside", 80, "outside");
    for (const owner of ["net1/dead/eth0", "net1/alive/eth0"]) {
      changeRuleset(nftables, () => ({
        commands: planAdd(nftables, { owner, address: net.c1, subnet: net.subnet }),
      }));
    }
    changeRuleset(nftables, () => ({ commands: planDelete(nftables, "net1/dead/eth0") }));
    const { client } = fetchPage(host, url(outsideAddresses.outside[family]), { netns: "c1" });
    assert.equal(client, outsideAddresses.host[family]);
  });

  test(`${family}: ports of the host lead into containers by a map`, async (t) => {
    const { host, nftables } = await hostWithContainers(t);
    await serveHttp(host, "c1", 80, "c1");
    await serveHttp(host, "c2", 8080, "c2");
    const number = family === "ipv4" ? 4 : 6;
    const [place, type, daddr] =
      number === 4
        ? ([{ family: "ip", name: "cni_ports" }, "ipv4_addr", "ip daddr"] as const)
        : ([{ family: "ip6", name: "cni_ports" }, "ipv6_addr", "ip6 daddr"] as const);
    const data = [type, "inet_service"] as const;
    const byAddress: NamedSet = {
      table: place,
      name: "by_address",
      key: [type, "inet_proto", "inet_service"],
      data,
    };
    const byPort: NamedSet = { table: place, name: "by_port", key: ["inet_proto", "inet_service"], data };
    const rule = (...statements: words.Statement[]) => ({
      expressions: words.compileRule(place.family, statements),
    });
    const definition: TableDefinition = {
      table: place,
      sets: [byAddress, byPort],
      chains: [
        {
          name: "hostports",
          rules: [
            rule(words.dnatByMap(number, [daddr, "meta l4proto", "th dport"], "by_address")),
            rule(words.dnatByMap(number, ["meta l4proto", "th dport"], "by_port")),
          ],
        },
        {
          name: "prerouting",
          base: { type: "nat", hook: "prerouting", priority: -100, policy: "accept" },
          rules: [rule(words.isLocalDestination(), words.verdict("jump", "hostports"))],
        },
      ],
    };
    const hostAddress = outsideAddresses.host[family];
    const tcp = protocolValue(6);
    changeRuleset(nftables, () => ({
      commands: [
        ...completeTable(definition, readTableState(nftables, definition)),
        ...addElements(byPort, [
          {
            key: concatenate(tcp, portValue(8001)),
            data: { value: concatenate(bytes(net.c1), portValue(80)) },
            comment: "net1/one/eth0",
          },
        ]),
        ...addElements(byAddress, [
          {
            key: concatenate(bytes(hostAddress), tcp, portValue(8002)),
            data: { value: concatenate(bytes(net.c2), portValue(8080)) },
          },
          {
            key: concatenate(bytes(outsideAddresses.outside[family]), tcp, portValue(8003)),
            data: { value: concatenate(bytes(net.c2), portValue(8080)) },
          },
        ]),
      ],
    }));
    const from = { netns: "outside" };
    const client = outsideAddresses.outside[family];
    assert.deepEqual(fetchPage(host, url(hostAddress, 8001), from), { page: "c1", client });
    assert.deepEqual(fetchPage(host, url(hostAddress, 8002), from), { page: "c2", client });
    assert.ok(isUnreachable(host, url(hostAddress, 8003), from), "mapped for another address");
    changeRuleset(nftables, () => ({ commands: deleteElements(byPort, nftables.listElements(byPort)) }));
    assert.ok(isUnreachable(host, url(hostAddress, 8001), from));
  });
}
