import { Attributes, eachAttribute } from "../netlink/attribute-reader.ts";
import { AttributeWriter } from "../netlink/attribute-writer.ts";
import { NLM_F_CREATE } from "../netlink/constants.ts";
import { compareBytes, holdsText, nextBytes, previousBytes, readU64, u64Bytes } from "./bytes.ts";
import type { Command } from "./command.ts";
import { type Data, readData, writeData } from "./data.ts";
import { formatValue } from "./data-type.ts";
import {
  NFT_MSG_DELSETELEM,
  NFT_MSG_NEWSETELEM,
  NFTA_LIST_ELEM,
  NFTA_SET_ELEM_LIST_ELEMENTS,
} from "./protocol.ts";
import { describeSet, isRangeOfParts, type NamedSet, type SetName } from "./set.ts";
import { commentIn, commentUserdata, encodeUserdata } from "./userdata.ts";

const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_DATA = 2;
const NFTA_SET_ELEM_FLAGS = 3;
const NFTA_SET_ELEM_TIMEOUT = 4;
const NFTA_SET_ELEM_EXPIRATION = 5;
const NFTA_SET_ELEM_USERDATA = 6;
const NFTA_SET_ELEM_KEY_END = 10;
const NFT_SET_ELEM_INTERVAL_END = 1;
const NFT_SET_ELEM_CATCHALL = 2;

/** A list is one attribute, which holds less than 64 KiB; an element with a comment takes up to about 300 bytes. */
const maxListLength = 60_000;

/** An element of a set; with `data` one of a map. */
export interface Element {
  /** Made by `addressValue` and its like, and `concatenate`. */
  readonly key: Uint8Array;
  /** Last key of a range, itself included; without it the range is the one key. Only in interval sets. */
  readonly keyEnd?: Uint8Array;
  readonly data?: Data;
  /** Milliseconds after which the kernel removes it. */
  readonly timeout?: number;
  /** Milliseconds that are left of them; only in what is read. */
  readonly expires?: number;
  readonly comment?: string;
}

/**
 * Adds elements; one that is there already with the same data stays as it is, its comment too (EEXIST or EBUSY with
 * other data, by the kernel's version). Several commands where there are many.
 *
 * @throws RangeError for an impossible comment.
 */
export function addElements(set: NamedSet, elements: readonly Element[]): Command[] {
  return elementCommands(set, elements, NFT_MSG_NEWSETELEM, NLM_F_CREATE, "add");
}

/** Deletes elements by their keys (and ends). ENOENT when one is not there. */
export function deleteElements(
  set: NamedSet,
  elements: readonly Pick<Element, "key" | "keyEnd">[],
): Command[] {
  const keys = elements.map(({ key, keyEnd }) => (keyEnd === undefined ? { key } : { key, keyEnd }));
  return elementCommands(set, keys, NFT_MSG_DELSETELEM, 0, "delete");
}

function elementCommands(
  set: NamedSet,
  elements: readonly Element[],
  type: number,
  flags: number,
  verb: string,
): Command[] {
  const commands: Command[] = [];
  const operation = `cannot ${verb} element of ${set.data === undefined ? "set" : "map"} ${describeSet(set)}`;
  let list = new AttributeWriter();
  let items: string[] = [];
  const finish = (): void => {
    const body = new AttributeWriter()
      .raw(elementScope(set))
      .nestedBytes(NFTA_SET_ELEM_LIST_ELEMENTS, list.finish());
    commands.push({ type, flags, family: set.table.family, body: body.finish(), operation, items });
    list = new AttributeWriter();
    items = [];
  };
  for (const element of elements) {
    for (const raw of rawElements(set, element)) {
      list.nested(NFTA_LIST_ELEM, (item) => encodeElement(item, raw));
      items.push(formatValue(set.key, raw.key));
    }
    if (list.finish().length > maxListLength) finish();
  }
  if (items.length > 0) finish();
  return commands;
}

/** An element as the kernel keeps it: in an interval set of one part, the end is an element of its own. */
interface RawElement extends Element {
  readonly flags: number;
}

function rawElements(set: NamedSet, element: Element): RawElement[] {
  if (set.interval !== true) return [{ ...element, flags: 0 }];
  const end = element.keyEnd ?? element.key;
  if (isRangeOfParts(set)) return [{ ...element, keyEnd: end, flags: 0 }];
  const { keyEnd: _, ...begin } = element;
  const behind = nextBytes(end);
  const raw: RawElement[] = [{ ...begin, flags: 0 }];
  if (behind !== undefined) raw.push({ key: behind, flags: NFT_SET_ELEM_INTERVAL_END });
  return raw;
}

function encodeElement(writer: AttributeWriter, element: RawElement): void {
  if (element.flags !== 0) writer.u32be(NFTA_SET_ELEM_FLAGS, element.flags);
  writeData(writer, NFTA_SET_ELEM_KEY, { value: element.key });
  if (element.keyEnd !== undefined) writeData(writer, NFTA_SET_ELEM_KEY_END, { value: element.keyEnd });
  if (element.data !== undefined) writeData(writer, NFTA_SET_ELEM_DATA, element.data);
  if (element.timeout !== undefined) {
    writer.bytes(NFTA_SET_ELEM_TIMEOUT, u64Bytes(BigInt(element.timeout)));
  }
  if (element.comment !== undefined) {
    writer.bytes(NFTA_SET_ELEM_USERDATA, encodeUserdata([commentUserdata(element.comment)]));
  }
}

/** The attributes that ask for the elements of a set, or for one of them. */
export function elementScope({ table, name }: SetName): Uint8Array {
  return new AttributeWriter()
    .text(NFTA_SET_ELEM_LIST_TABLE, table.name)
    .text(NFTA_SET_ELEM_LIST_SET, name)
    .finish();
}

/** The attributes that ask for one element of a set whose elements are single keys or ranges of several parts. */
export function elementQuery(set: NamedSet, element: Pick<Element, "key" | "keyEnd">): Uint8Array {
  return new AttributeWriter()
    .raw(elementScope(set))
    .nested(NFTA_SET_ELEM_LIST_ELEMENTS, (list) => {
      const [raw] = rawElements(set, element);
      if (raw !== undefined) list.nested(NFTA_LIST_ELEM, (item) => encodeElement(item, raw));
    })
    .finish();
}

/**
 * The elements in the messages of a dump. Elements for all other keys (`*`) are left out. Throws DecodeError.
 *
 * @param text only elements in whose bytes it stands somewhere: not for interval sets of a single type.
 */
export function decodeElements(set: NamedSet, bodies: readonly Uint8Array[], text = ""): Element[] {
  const raw = bodies
    .flatMap((body) => eachAttribute(new Attributes(body).bytes(NFTA_SET_ELEM_LIST_ELEMENTS) ?? none))
    .filter(({ value }) => text === "" || holdsText(value, text))
    .map(({ value }) => decodeElement(value))
    .filter((element) => element !== undefined);
  return set.interval === true && !isRangeOfParts(set) ? joinRanges(raw) : raw.map(withoutFlags);
}

const none = new Uint8Array(0);

function decodeElement(bytes: Uint8Array): RawElement | undefined {
  const attributes = new Attributes(bytes);
  const flags = attributes.u32be(NFTA_SET_ELEM_FLAGS) ?? 0;
  const key = readData(attributes.bytes(NFTA_SET_ELEM_KEY));
  if ((flags & NFT_SET_ELEM_CATCHALL) !== 0 || key === undefined || !("value" in key)) return undefined;
  const end = readData(attributes.bytes(NFTA_SET_ELEM_KEY_END));
  const data = readData(attributes.bytes(NFTA_SET_ELEM_DATA));
  const timeout = readU64(attributes.bytes(NFTA_SET_ELEM_TIMEOUT));
  const expires = readU64(attributes.bytes(NFTA_SET_ELEM_EXPIRATION));
  const comment = commentIn(attributes.bytes(NFTA_SET_ELEM_USERDATA));
  return {
    key: key.value,
    ...(end === undefined || !("value" in end) ? {} : { keyEnd: end.value }),
    ...(data === undefined ? {} : { data }),
    ...(timeout === undefined ? {} : { timeout: Number(timeout) }),
    ...(expires === undefined ? {} : { expires: Number(expires) }),
    ...(comment === undefined ? {} : { comment }),
    flags,
  };
}

function withoutFlags({ flags: _, ...element }: RawElement): Element {
  return element;
}

/** Joins every begin with the end that follows it. A last range without an end goes on to the last key. */
function joinRanges(raw: readonly RawElement[]): Element[] {
  const isEnd = ({ flags }: RawElement): boolean => (flags & NFT_SET_ELEM_INTERVAL_END) !== 0;
  const sorted = raw.toSorted((a, b) => compareBytes(a.key, b.key) || Number(isEnd(b)) - Number(isEnd(a)));
  const ranges: Element[] = [];
  sorted.forEach((element, index) => {
    if (isEnd(element)) return;
    const next = sorted[index + 1];
    const keyEnd = next === undefined ? element.key.slice().fill(255) : previousBytes(next.key);
    ranges.push({ ...withoutFlags(element), keyEnd });
  });
  return ranges;
}
