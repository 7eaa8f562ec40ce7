import { ownerComment } from "../../../shared/cni/owner-comment.ts";
import { sha512 } from "../../../shared/cni/sha512.ts";
import { type IpAddress, type IpFamily, ipFromBytes } from "../../../shared/ip/address.ts";
import { ByteReader } from "../../../shared/netlink/attribute-reader.ts";
import {
  addressValue,
  concatenate,
  portValue,
  protocolValue,
  splitConcatenation,
} from "../../../shared/nftables/data-type.ts";
import type { Element } from "../../../shared/nftables/element.ts";
import type { NamedSet } from "../../../shared/nftables/set.ts";
import { mappingsOf, type PortMapping, type PublishedPort, protocolNumbers, protocols } from "../mappings.ts";
import type { Publication } from "../publication.ts";
import { chainsOf, type Maps, mapsOf } from "./table.ts";

/** An element, and the map that it belongs to. */
export interface PlacedElement {
  readonly map: NamedSet;
  readonly element: Element;
}

/** The elements of one mapping. */
export interface MappingElements {
  readonly mapping: PortMapping;
  readonly key: Uint8Array;
  /** The address to which the port leads, and the chain through which. Both have the key of the mapping. */
  readonly target: PlacedElement;
  readonly chain: PlacedElement;
  /** The claim that replaces both while the port leads to another network of the same container. */
  readonly claim: PlacedElement;
}

/**
 * Returns the elements of a publication's mappings. If a host port is listed twice, the first mapping counts.
 */
export function mappingElements({ attachment, config, family, container }: Publication): MappingElements[] {
  const comment = ownerComment(attachment);
  const maps = mapsOf(family);
  const chains = chainsOf(config, container);
  const seen = new Set<string>();
  return mappingsOf(config.mappings, family).flatMap((mapping) => {
    const { hostIp, containerPort } = mapping;
    const key = mappingKey(mapping, hostIp);
    const text = Buffer.from(key).toString("hex");
    if (seen.has(text)) return [];
    seen.add(text);
    const value = concatenate(addressValue(container.address), portValue(containerPort));
    const port = hostIp === undefined ? concatenate(anyAddress(family), key) : key;
    const verdict = { kind: "jump", chain: hostIp === undefined ? chains.port : chains.address } as const;
    return {
      mapping,
      key,
      target: {
        map: hostIp === undefined ? maps.portTargets : maps.addressTargets,
        element: { key, data: { value }, comment },
      },
      chain: {
        map: hostIp === undefined ? maps.portChains : maps.addressChains,
        element: { key, data: { verdict }, comment },
      },
      claim: {
        map: maps.waiting,
        element: { key: concatenate(port, value), data: { verdict }, comment },
      },
    };
  });
}

/** Returns the address that means all addresses, in keys that begin with one. */
export function anyAddress(family: IpFamily): Uint8Array {
  return new Uint8Array(family === 4 ? 4 : 16);
}

/** The elements of a container's address. */
interface SourcesElements {
  /**
   * Its verdict leads to whose connections to the address are masqueraded, perhaps nobody's; its comment is the owner.
   */
  readonly element: PlacedElement;
  /**
   * The claim that replaces it while the element is another container's: two networks may have the same subnet.
   */
  readonly claim: PlacedElement;
}

export function sourcesElements({ attachment, config, family, container }: Publication): SourcesElements {
  const comment = ownerComment(attachment);
  const { sources: chain } = chainsOf(config, container);
  const verdict = chain === undefined ? ({ kind: "return" } as const) : ({ kind: "jump", chain } as const);
  const maps = mapsOf(family);
  const key = addressValue(container.address);
  // A claim on an address has no port. A hash in its place tells owners apart.
  const address = sourcesClaimStart(container.address);
  const hash = Buffer.from(sha512(comment), "hex");
  const rest = concatenate(hash.subarray(0, key.length), hash.subarray(key.length, key.length + 2));
  return {
    element: { map: maps.sources, element: { key, data: { verdict }, comment } },
    claim: { map: maps.waiting, element: { key: concatenate(address, rest), data: { verdict }, comment } },
  };
}

/** Returns the beginning of the keys of claims on an address, which is what `owners` lists. */
export function sourcesClaimStart(address: IpAddress): Uint8Array {
  return concatenate(addressValue(address), protocolValue(0), portValue(0));
}

/** Returns the key of a mapping: `[address .] protocol . port`. */
export function mappingKey(
  { protocol, hostPort }: Pick<PortMapping, "protocol" | "hostPort">,
  hostIp: IpAddress | undefined,
): Uint8Array {
  const port = [protocolValue(protocolNumbers[protocol]), portValue(hostPort)];
  return concatenate(...(hostIp === undefined ? [] : [addressValue(hostIp)]), ...port);
}

/**
 * Returns the port that an element of a map of targets, or of `waiting`, publishes; undefined for other maps.
 */
export function publishedPort({ map, element }: PlacedElement): PublishedPort | undefined {
  const { key, data } = element;
  const { portTargets, addressTargets, waiting } = mapsOf(map.table.family === "ip" ? 4 : 6);
  if (![portTargets, addressTargets, waiting].some(({ name }) => name === map.name)) return undefined;
  const target =
    data !== undefined && "value" in data && map.data !== undefined && map.data !== "verdict"
      ? splitConcatenation(map.data, data.value)
      : [];
  const [containerPort, address, hostPort, protocol] = [
    ...splitConcatenation(map.key, key),
    ...target,
  ].toReversed();
  const container = ipFromBytes(address ?? none);
  const name = protocols.find((known) => protocolNumbers[known] === protocol?.[0]);
  if (container === undefined || name === undefined) return undefined;
  const number = (bytes: Uint8Array | undefined) =>
    bytes === undefined ? 0 : new ByteReader(bytes).u16be(0);
  return { protocol: name, hostPort: number(hostPort), container, containerPort: number(containerPort) };
}

const none = new Uint8Array(0);

/** Whether two elements are equal in key, data and comment. */
export function sameElement(a: Element, b: Element): boolean {
  const data = ({ data: it }: Element): string => {
    if (it === undefined) return "";
    return "value" in it ? Buffer.from(it.value).toString("hex") : JSON.stringify(it.verdict);
  };
  return a.comment === b.comment && data(a) === data(b) && Buffer.compare(a.key, b.key) === 0;
}

/** Returns all maps of a family. */
export function allMaps(family: IpFamily): readonly NamedSet[] {
  const maps: Maps = mapsOf(family);
  return Object.values(maps);
}

/** Returns the chain to which an element of a verdict map leads. */
export function chainOf({ data }: Element): string | undefined {
  return data !== undefined && "verdict" in data && "chain" in data.verdict ? data.verdict.chain : undefined;
}

/** Returns those of the elements that belong to a map. */
export function ofMap(elements: readonly PlacedElement[], { name }: NamedSet): Element[] {
  return elements.filter(({ map }) => map.name === name).map(({ element }) => element);
}

/** Returns the ports that elements publish. */
export function portsOfElements(elements: readonly PlacedElement[]): PublishedPort[] {
  return elements.map(publishedPort).filter((port) => port !== undefined);
}
