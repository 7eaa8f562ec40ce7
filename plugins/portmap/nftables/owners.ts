import { sha512 } from "../../../shared/cni/sha512.ts";
import type { IpFamily } from "../../../shared/ip/address.ts";
import type { Nftables } from "../../../shared/nftables/client.ts";
import { concatenate, interfaceValue, markValue } from "../../../shared/nftables/data-type.ts";
import type { Element } from "../../../shared/nftables/element.ts";
import { anyAddress, type PlacedElement } from "./elements.ts";
import { type Maps, mapsOf, tableComment, tableOf } from "./table.ts";

/*
 * Map `owners` lists the keys that an owner has in the other maps, so that DEL finds them: reading whole maps for their
 * comments takes longer with every container on the host. An entry is added and deleted in one batch with what it lists.
 *
 * Key: a hash of the owner . a number from 0 on. Value: address . protocol . port, as in the keys of the other maps.
 * Without an address (all zero) it is a key of the maps for all addresses; without a protocol, one of `sources`. Ports that
 * an owner is still waiting for are listed the same way; the claims themselves are in `waiting`.
 */

/** Digits of the hash: as many as fit into an interface's name, the type that nft shows as text. */
const hashLength = 15;
/** Bytes of a protocol and a port in a concatenation. */
const portLength = 8;

/**
 * Whether map `owners` lists everything in a family's table, which is not so if an earlier version made the table.
 */
export function isListed(nftables: Nftables, family: IpFamily): boolean {
  return nftables.getTable(tableOf(family))?.comment === tableComment;
}

/**
 * Returns the elements that `owners` lists for an owner, if they exist and are its own, and the entries themselves.
 */
export function listedElements(nftables: Nftables, family: IpFamily, owner: string): PlacedElement[] {
  const maps = mapsOf(family);
  const { entries } = readEntries(nftables, maps, owner, 0);
  const seen = new Set<string>();
  const elements = entries.flatMap(({ data }) => {
    const value = data !== undefined && "value" in data ? data.value : undefined;
    if (value === undefined || seen.has(hex(value))) return [];
    seen.add(hex(value));
    return keysListed(maps, value).flatMap(({ map, key }) => {
      const element = nftables.getElement(map, { key });
      return element?.comment === owner ? [{ map, element }] : [];
    });
  });
  const claims = nftables.findElements(maps.waiting, owner).filter(({ comment }) => comment === owner);
  return [
    ...elements,
    ...claims.map((element) => ({ map: maps.waiting, element })),
    ...entries.map((element) => ({ map: maps.owners, element })),
  ];
}

/** Returns the entries that `owners` lacks for elements of an owner. */
export function missingEntries(
  nftables: Nftables,
  family: IpFamily,
  owner: string,
  wanted: readonly PlacedElement[],
): PlacedElement[] {
  const maps = mapsOf(family);
  const values = new Map(
    wanted.map((placed) => entryValue(maps, placed)).map((value) => [hex(value), value]),
  );
  const { entries, free } = readEntries(nftables, maps, owner, values.size);
  for (const { data } of entries) if (data !== undefined && "value" in data) values.delete(hex(data.value));
  return [...values.values()].flatMap((value, index) => {
    const key = free[index];
    return key === undefined ? [] : [{ map: maps.owners, element: { key, data: { value }, comment: owner } }];
  });
}

/** Returns an owner's entries and the keys that are free, up to the given number of free ones, at least one. */
function readEntries(nftables: Nftables, { owners }: Maps, owner: string, wantedFree: number) {
  const hash = interfaceValue(sha512(owner).slice(0, hashLength));
  const entries: Element[] = [];
  const free: Uint8Array[] = [];
  for (let number = 0; free.length < Math.max(wantedFree, 1); number++) {
    const key = concatenate(hash, markValue(number));
    const element = nftables.getElement(owners, { key });
    if (element === undefined) free.push(key);
    else if (element.comment === owner) entries.push(element);
  }
  return { entries, free };
}

/** Returns the value in `owners` for an element of another map. */
export function entryValue(maps: Maps, { map, element: { key } }: PlacedElement): Uint8Array {
  if (map.name === maps.waiting.name) return key.slice(0, noAddress(maps).length + portLength);
  if (map.name === maps.sources.name) return concatenate(key, new Uint8Array(portLength));
  if (map.name === maps.addressTargets.name || map.name === maps.addressChains.name) return key;
  return concatenate(noAddress(maps), key);
}

/** Returns the keys that a value of `owners` stands for, with their maps. */
export function keysListed(maps: Maps, value: Uint8Array) {
  const { length } = noAddress(maps);
  const [address, port] = [value.slice(0, length), value.slice(length)];
  if (port.every((byte) => byte === 0)) return [{ map: maps.sources, key: address }];
  const [targets, chains, key] = address.every((byte) => byte === 0)
    ? [maps.portTargets, maps.portChains, port]
    : [maps.addressTargets, maps.addressChains, value];
  return [
    { map: targets, key },
    { map: chains, key },
  ];
}

function noAddress({ owners }: Maps): Uint8Array {
  return anyAddress(owners.table.family === "ip" ? 4 : 6);
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
