import { sha512 } from "../../../shared/cni/sha512.ts";
import type { Nftables } from "../../../shared/nftables/client.ts";
import {
  addressValue,
  concatenate,
  interfaceValue,
  markValue,
  splitConcatenation,
} from "../../../shared/nftables/data-type.ts";
import type { Element } from "../../../shared/nftables/element.ts";
import type { NamedSet } from "../../../shared/nftables/set.ts";
import type { Admission } from "../attachment.ts";
import { portMap } from "./isolation-table.ts";
import { addressMaps, ownerMap } from "./table.ts";

/*
 * Map `owners` lists the elements of each attachment in the other maps, so that DEL finds them by key. Reading whole maps
 * for their comments would take longer with every container on the host. An entry is created and deleted in one batch with
 * the elements that it lists. Its key is a hash of the owner and a number from 0 on; its value is an IPv4 address, an IPv6
 * address and a port, of which absent ones are zero or "-".
 */

/** The digits of the hash: as many as an interface's name has, the type that nft prints as text. */
const hashLength = 15;
const noPort = interfaceValue("-");
const noAddress = { 4: new Uint8Array(4), 6: new Uint8Array(16) } as const;

/** Elements by the map that holds them. */
export interface Held {
  readonly addresses: { readonly 4: readonly Element[]; readonly 6: readonly Element[] };
  readonly ports: readonly Element[];
  /** Entries of `owners`. */
  readonly entries: readonly Element[];
}

export const noneHeld: Held = { addresses: { 4: [], 6: [] }, ports: [], entries: [] };

export function joinHeld(...all: readonly Held[]): Held {
  return {
    addresses: {
      4: all.flatMap(({ addresses }) => addresses[4]),
      6: all.flatMap(({ addresses }) => addresses[6]),
    },
    ports: all.flatMap(({ ports }) => ports),
    entries: all.flatMap(({ entries }) => entries),
  };
}

/** The elements of an owner that `owners` lists, without those that are gone or another's; undefined without an entry. */
export function heldBy(nftables: Nftables, owner: string): Held | undefined {
  const { entries } = readEntries(nftables, owner, 0);
  return entries.length === 0 ? undefined : listedIn(nftables, owner, entries);
}

function listedIn(nftables: Nftables, owner: string, entries: readonly Element[]): Held {
  const rows = entries.map(({ data }) =>
    data !== undefined && "value" in data ? splitConcatenation(ownerMap.data, data.value) : [],
  );
  const present = (set: NamedSet, column: number, none: Uint8Array): Element[] =>
    rows
      .flatMap((row) => row[column] ?? [])
      .filter((key) => !isSame(key, none))
      .map((key) => nftables.getElement(set, { key }))
      .filter((element) => element !== undefined)
      .filter(({ comment }) => comment === owner);
  return {
    addresses: { 4: present(addressMaps[4], 0, noAddress[4]), 6: present(addressMaps[6], 1, noAddress[6]) },
    ports: present(portMap, 2, noPort),
    entries,
  };
}

/** The difference between an owner's current and wanted entries. */
interface EntryChanges {
  readonly missing: readonly Element[];
  /** Entries that are replaced, and elements that the owner is to have no longer. */
  readonly former: Held;
}

export function entryChanges(nftables: Nftables, { comment, addresses, isolation }: Admission): EntryChanges {
  const keys = {
    4: addresses.filter(({ family }) => family === 4).map(addressValue),
    6: addresses.filter(({ family }) => family === 6).map(addressValue),
    ports: isolation?.policy === "isolated" ? isolation.ports.map(interfaceValue) : [],
  };
  const rows = Array.from({ length: Math.max(keys[4].length, keys[6].length, keys.ports.length) }, (_, row) =>
    concatenate(keys[4][row] ?? noAddress[4], keys[6][row] ?? noAddress[6], keys.ports[row] ?? noPort),
  );
  const { entries, free } = readEntries(nftables, comment, rows.length);
  const isUnchanged =
    entries.length === rows.length &&
    entries.every(
      ({ data }, index) => data !== undefined && "value" in data && isSame(data.value, rows[index]),
    );
  if (isUnchanged) return { missing: [], former: noneHeld };
  const listed = listedIn(nftables, comment, entries);
  const without = (elements: readonly Element[], kept: readonly Uint8Array[]): Element[] =>
    elements.filter(({ key }) => !kept.some((one) => isSame(one, key)));
  const places = [...entries.map(({ key }) => key), ...free];
  return {
    missing: rows.flatMap((value, index) => {
      const key = places[index];
      return key === undefined ? [] : [{ key, data: { value }, comment }];
    }),
    former: {
      addresses: { 4: without(listed.addresses[4], keys[4]), 6: without(listed.addresses[6], keys[6]) },
      ports: without(listed.ports, keys.ports),
      entries,
    },
  };
}

/** The entries of other owners that become empty when these elements are reassigned to `taker`. */
export function emptiedEntries(nftables: Nftables, taken: Held, taker: string): Element[] {
  const all = elementsOf(taken);
  const owners = new Set(all.flatMap(({ comment }) => (comment === taker ? [] : (comment ?? []))));
  return [...owners].flatMap((owner) => {
    const held = heldBy(nftables, owner) ?? noneHeld;
    const lost = all.filter(({ comment }) => comment === owner);
    return elementsOf(held).length === lost.length ? held.entries : [];
  });
}

function elementsOf({ addresses, ports }: Held): readonly Element[] {
  return [...addresses[4], ...addresses[6], ...ports];
}

/** An owner's entries up to the first free number, and free keys: at least as many as are wanted. */
function readEntries(nftables: Nftables, owner: string, wanted: number) {
  const hash = interfaceValue(sha512(owner).slice(0, hashLength));
  const entries: Element[] = [];
  const free: Uint8Array[] = [];
  for (let number = 0; free.length < Math.max(wanted, 1); number++) {
    const key = concatenate(hash, markValue(number));
    const element = nftables.getElement(ownerMap, { key });
    if (element === undefined) free.push(key);
    else if (element.comment === owner) entries.push(element);
  }
  return { entries, free };
}

function isSame(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && Buffer.compare(a, b) === 0;
}
