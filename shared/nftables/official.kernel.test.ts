/** What this module makes is in the kernel and in print what the official `nft` makes of the same words. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Host, hostFor } from "../../conformance/harness/host/host.ts";
import { asObject, objectList, parseObject } from "../../conformance/harness/host/json.ts";
import { inNetns, openNetns } from "../linux/netns.ts";
import { eachAttribute } from "../netlink/attribute-reader.ts";
import { openNetlink } from "../netlink/client.ts";
import { NETLINK_NETFILTER } from "../netlink/constants.ts";
import { changeRuleset, openNftables } from "./client.ts";
import type { Command } from "./command.ts";
import { addElements, type Element } from "./element.ts";
import { type Pair, pairs } from "./official-pairs.fixture.ts";
import {
  familyHeader,
  messageType,
  NFT_MSG_GETCHAIN,
  NFT_MSG_GETRULE,
  NFT_MSG_GETSET,
  NFT_MSG_GETTABLE,
} from "./protocol.ts";
import type { NamedSet } from "./set.ts";
import { completeTable, readTableState, type TableDefinition } from "./table-definition.ts";
import { decodeUserdata, encodeUserdata, type UserdataItem } from "./userdata.ts";

function commandsOf({ definition, elements = {} }: Pair): Command[] {
  const empty = { exists: false, sets: new Set<string>(), chains: new Set<string>(), rules: [] };
  const { table } = definition;
  const fill = definition.sets.flatMap((set) => addElements({ ...set, table }, elements[set.name] ?? []));
  return [...completeTable(definition, empty), ...fill];
}

/** Lists without the numbers that the kernel gives out. */
function jsonListing(host: Host, netns: string): unknown {
  const listing = parseObject(host.inNetns(netns, "nft", ["-j", "list", "ruleset"]).stdout);
  return objectList(listing["nftables"]).map((item) =>
    Object.fromEntries(
      Object.entries(item).map(([kind, value]) => [kind, { ...asObject(value), handle: undefined }]),
    ),
  );
}

/** What the kernel tells of all objects of a kind, without the attributes in which it counts. */
function rawListing(type: number, counting: readonly number[]): string[] {
  const socket = openNetlink(NETLINK_NETFILTER);
  try {
    return socket.dump("cannot list", messageType(type), familyHeader("unspecified")).map(({ body }) =>
      [...eachAttribute(body.subarray(4))]
        .filter((attribute) => !counting.includes(attribute.type))
        .map(({ type: number, value }) => {
          const isSetUserdata = type === NFT_MSG_GETSET && number === 13;
          const shown = isSetUserdata ? meaningfulUserdata(value) : value;
          return `${number}=${Buffer.from(shown).toString("hex")}`;
        })
        .join(" "),
    );
  } finally {
    socket.close();
  }
}

/** This version of nft adds what says nothing: no expression as type (3 and 4), no range as data (6). */
function meaningfulUserdata(bytes: Uint8Array): Uint8Array {
  const empty = ["0004" + "0d000000" + "0100", "00000000"];
  const meaningless = ({ type, value }: UserdataItem) =>
    [3, 4, 6].includes(type) && empty.includes(Buffer.from(value).toString("hex"));
  return encodeUserdata(decodeUserdata(bytes).filter((item) => !meaningless(item)));
}

async function twoSides(
  t: TestContext,
): Promise<{ host: Host; inside: <T>(netns: string, work: () => T) => T }> {
  const host = await hostFor(t);
  for (const name of ["theirs", "ours"]) host.addNetns(name);
  const inside = <T>(name: string, work: () => T): T => {
    const netns = openNetns(host.outside(`/run/netns/${name}`));
    try {
      return inNetns(netns, work);
    } finally {
      netns.close();
    }
  };
  return { host, inside };
}

for (const [name, pair] of Object.entries(pairs)) {
  test(`${name}: the same as from nft`, async (t) => {
    const { host, inside } = await twoSides(t);
    host.inNetns("theirs", "nft", ["-f", "-"], { input: pair.text });
    inside("ours", () => {
      const nftables = openNftables();
      changeRuleset(nftables, () => ({ commands: commandsOf(pair) }));
    });

    const text = (netns: string) => host.inNetns(netns, "nft", ["list", "ruleset"]).stdout;
    assert.equal(text("ours"), text("theirs"));
    assert.deepEqual(jsonListing(host, "ours"), jsonListing(host, "theirs"));
    // Handles, use counts and positions.
    for (const [type, counting] of [
      [NFT_MSG_GETTABLE, [3, 4]],
      [NFT_MSG_GETCHAIN, [2, 6]],
      [NFT_MSG_GETRULE, [3, 6]],
      // Of ranges nft makes an end at 0 that ends nothing, hence another number of elements.
      [NFT_MSG_GETSET, [16, 20]],
    ] as const) {
      const raw = (netns: string) => inside(netns, () => rawListing(type, counting));
      assert.deepEqual(raw("ours"), raw("theirs"), `type ${type}`);
    }
  });

  test(`${name}: what nft made is read as what it is`, async (t) => {
    const { host, inside } = await twoSides(t);
    host.inNetns("theirs", "nft", ["-f", "-"], { input: pair.text });
    inside("theirs", () => {
      const nftables = openNftables();
      const { definition, elements = {} } = pair;
      const { table } = definition;
      assert.deepEqual(completeTable(definition, readTableState(nftables, definition)), []);
      const uses = definition.sets.length + definition.chains.length;
      assert.deepEqual(nftables.listTables(), [{ ...table, uses }]);
      assert.deepEqual(
        nftables.listChains(table).map(({ uses: _, ...chain }) => chain),
        definition.chains.map(({ rules: _, ...chain }) => ({ ...chain, table: bare(table) })),
      );
      for (const chain of nftables.listChains(table)) assert.deepEqual(nftables.getChain(chain), chain);
      const sets = definition.sets.map((set): NamedSet => ({ ...set, table: bare(table) }));
      assert.deepEqual(nftables.listSets(table), sets);
      for (const set of sets) {
        assert.deepEqual(nftables.getSet(set), set);
        const wanted = (elements[set.name] ?? []).map((element) =>
          set.interval === true ? { keyEnd: element.key, ...element } : element,
        );
        assert.deepEqual(sorted(nftables.listElements(set)), sorted(wanted));
        if (set.interval === true && set.key.length === 1) continue;
        for (const element of wanted) assert.deepEqual(nftables.getElement(set, element), element);
      }
    });
  });
}

function bare({ family, name }: TableDefinition["table"]) {
  return { family, name };
}

function sorted(elements: readonly Element[]): Element[] {
  const text = ({ key }: Element) => Buffer.from(key).toString("hex");
  return elements.toSorted((a, b) => (text(a) < text(b) ? -1 : 1));
}
