import { lazy } from "../../../shared/basics/lazy.ts";
import { ownerComment } from "../../../shared/cni/owner-comment.ts";
import type { IpAddress, IpFamily } from "../../../shared/ip/address.ts";
import { sameBytes } from "../../../shared/nftables/bytes.ts";
import type { Nftables } from "../../../shared/nftables/client.ts";
import type { Element } from "../../../shared/nftables/element.ts";
import type { NamedSet } from "../../../shared/nftables/set.ts";
import type { Publication } from "../publication.ts";
import { anyAddress, type PlacedElement, sourcesClaimStart } from "./elements.ts";
import { entryValue, hex, keysListed } from "./owners.ts";
import { mapsOf } from "./table.ts";

/*
 * nerdctl and podman give a container's ports to each of its networks, but a key of a map leads to one address only.
 * The port leads to the network that came first; those that come later wait in map `waiting`, all of whose key says
 * what they want: address . protocol . port (as in `owners`) . address and port of the container. In the same way
 * waits, for its address in `sources`, a container whose address another one has as well.
 */

/** The container in an owner's comment; undefined where the comment was cut. */
function containerIn(owner: string | undefined): string | undefined {
  const [, container, ifname, more] = (owner ?? "").split("/");
  return ifname === undefined || more !== undefined ? undefined : container;
}

/** Whether two different owners are attachments of the same container. */
export function areSiblings(owner: string | undefined, other: string): boolean {
  const container = containerIn(owner);
  return owner !== other && container !== undefined && container === containerIn(other);
}

/** Finds the claims that overlap with another one: on the same address of the host, or where one is on all of them. */
export function claimFinder(nftables: Nftables, family: IpFamily): (claim: PlacedElement) => PlacedElement[] {
  const maps = mapsOf(family);
  const anywhere = hex(anyAddress(family));
  const parts = (placed: PlacedElement) => {
    const value = hex(entryValue(maps, placed));
    return { address: value.slice(0, anywhere.length), port: value.slice(anywhere.length) };
  };
  const byPort = lazy(() =>
    Map.groupBy(
      nftables.listElements(maps.waiting).map((element): PlacedElement => ({ map: maps.waiting, element })),
      (placed) => parts(placed).port,
    ),
  );
  return (claim) => {
    const { address, port } = parts(claim);
    return (byPort().get(port) ?? []).filter((placed) => {
      const { address: other } = parts(placed);
      return address === other || address === anywhere || other === anywhere;
    });
  };
}

/** Who waits for an address in `sources`. */
export function claimsOnAddress(nftables: Nftables, address: IpAddress): Element[] {
  const start = sourcesClaimStart(address);
  return nftables
    .listElements(mapsOf(address.family).waiting)
    .filter(({ key }) => sameBytes(key.slice(0, start.length), start));
}

/** What the owner claims of the same ports, or of its address, in another way than it is wanted now. */
export function outdatedClaims(
  nftables: Nftables,
  { attachment, family }: Publication,
  claims: readonly PlacedElement[],
  wanted: readonly PlacedElement[],
): PlacedElement[] {
  const comment = ownerComment(attachment);
  const maps = mapsOf(family);
  const ports = new Set(claims.map((claim) => hex(entryValue(maps, claim))));
  const places = placesOf(wanted);
  return nftables
    .findElements(maps.waiting, comment)
    .filter((element) => element.comment === comment && !places.has(placeOf(maps.waiting, element.key)))
    .map((element) => ({ map: maps.waiting, element }))
    .filter((claim) => ports.has(hex(entryValue(maps, claim))));
}

/** Claims that go from map `waiting`, and what comes into other maps for them. */
interface Handover {
  readonly claims: readonly PlacedElement[];
  readonly added: readonly PlacedElement[];
}

/**
 * Lets ports lead to who waits for them, where elements are removed that lead them elsewhere.
 *
 * @param replacing what will be in the place of removed elements.
 */
export function planHandover(
  nftables: Nftables,
  family: IpFamily,
  removed: readonly PlacedElement[],
  replacing: readonly PlacedElement[],
): Handover {
  const maps = mapsOf(family);
  const leading = [maps.portTargets, maps.portChains, maps.addressTargets, maps.addressChains, maps.sources];
  const freed = new Map<string, Uint8Array>();
  for (const placed of removed) {
    if (!leading.some(({ name }) => name === placed.map.name)) continue;
    const port = entryValue(maps, placed);
    freed.set(hex(port), port);
  }
  const [gone, taken] = [placesOf(removed), placesOf(replacing)];
  const waiting = freed.size === 0 ? [] : nftables.listElements(maps.waiting);
  const claims: PlacedElement[] = [];
  const added: PlacedElement[] = [];
  for (const element of waiting.toSorted((a, b) => Buffer.compare(a.key, b.key))) {
    const port = entryValue(maps, { map: maps.waiting, element });
    const isFree = ({ map, key }: { map: NamedSet; key: Uint8Array }) => {
      const where = placeOf(map, key);
      return !taken.has(where) && (gone.has(where) || nftables.getElement(map, { key }) === undefined);
    };
    const places = keysListed(maps, port);
    if (!freed.has(hex(port)) || gone.has(placeOf(maps.waiting, element.key)) || !places.every(isFree))
      continue;
    freed.delete(hex(port));
    claims.push({ map: maps.waiting, element });
    added.push(...places.map(({ map, key }) => ({ map, element: leadingElement(map, key, element, port) })));
  }
  return { claims, added };
}

function leadingElement(map: NamedSet, key: Uint8Array, claim: Element, port: Uint8Array): Element {
  const { data = { value: claim.key }, comment } = claim;
  return {
    key,
    data: map.data === "verdict" ? data : { value: claim.key.slice(port.length) },
    ...(comment === undefined ? {} : { comment }),
  };
}

function placesOf(elements: readonly PlacedElement[]): Set<string> {
  return new Set(elements.map(({ map, element }) => placeOf(map, element.key)));
}

function placeOf(map: NamedSet, key: Uint8Array): string {
  return `${map.name} ${hex(key)}`;
}
