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
 * Claims on ports. nerdctl and podman give a container's ports to each of its networks, but a key of a map leads to one
 * address only. The port leads to the network that came first. Claims of later ones queue in map `waiting`; the key encodes
 * the wanted mapping: address . protocol . port (as in `owners`) . address and port of the container. A container whose
 * address another one has as well claims its element of `sources` in the same way.
 */

/** Returns the container in an owner's comment; undefined for a comment that was cut. */
function containerIn(owner: string | undefined): string | undefined {
  const [, container, ifname, more] = (owner ?? "").split("/");
  return ifname === undefined || more !== undefined ? undefined : container;
}

/** Whether two different owners are attachments of the same container. */
export function areSiblings(owner: string | undefined, other: string): boolean {
  const container = containerIn(owner);
  return owner !== other && container !== undefined && container === containerIn(other);
}

/**
 * Returns a function that finds the claims on the port of another one: on the same address of the host, or if one of the
 * two is on all its addresses.
 */
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

/** Returns the claims on an address in `sources`. */
export function claimsOnAddress(nftables: Nftables, address: IpAddress): Element[] {
  const start = sourcesClaimStart(address);
  return nftables
    .listElements(mapsOf(address.family).waiting)
    .filter(({ key }) => sameBytes(key.slice(0, start.length), start));
}

/** Returns the owner's claims on these ports, or on its address, that no longer match what it wants. */
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

/** Claims that are met, and the elements that this adds to other maps. */
interface Handover {
  readonly claims: readonly PlacedElement[];
  readonly added: readonly PlacedElement[];
}

/**
 * Returns, for each port that the removal of elements frees, the waiting claim that gets it.
 *
 * @param replacing elements in the place of removed ones.
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
