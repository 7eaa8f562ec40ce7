import { Attributes } from "../netlink/attribute-reader.ts";
import { AttributeWriter } from "../netlink/attribute-writer.ts";
import { NLM_F_CREATE } from "../netlink/constants.ts";
import { hostU32, readU64, u64Bytes } from "./bytes.ts";
import { type Command, describeInTable, type TableName } from "./command.ts";
import {
  byteOrderNumber,
  concatenatedLength,
  type DataType,
  typeLength,
  typeNumber,
  typesFromNumber,
} from "./data-type.ts";
import { NFT_MSG_NEWSET, NFTA_LIST_ELEM } from "./protocol.ts";
import {
  commentIn,
  commentUserdata,
  encodeUserdata,
  setCommentItem,
  setDataByteOrderItem,
  setKeyByteOrderItem,
} from "./userdata.ts";

const NFTA_SET_TABLE = 1;
const NFTA_SET_NAME = 2;
const NFTA_SET_FLAGS = 3;
const NFTA_SET_KEY_TYPE = 4;
const NFTA_SET_KEY_LEN = 5;
const NFTA_SET_DATA_TYPE = 6;
const NFTA_SET_DATA_LEN = 7;
const NFTA_SET_DESC = 9;
const NFTA_SET_ID = 10;
const NFTA_SET_TIMEOUT = 11;
const NFTA_SET_USERDATA = 13;
const NFTA_SET_DESC_CONCAT = 2;
const NFTA_SET_FIELD_LEN = 1;

const NFT_SET_ANONYMOUS = 0x1;
const NFT_SET_INTERVAL = 0x4;
const NFT_SET_MAP = 0x8;
const NFT_SET_TIMEOUT = 0x10;
const NFT_SET_CONCAT = 0x80;
const NFT_DATA_VERDICT = 0xffffff00;

/** A named set; with `data` a map; with `data: "verdict"` a verdict map. */
export interface NamedSet {
  readonly table: TableName;
  readonly name: string;
  /** Several types are a concatenation. */
  readonly key: readonly DataType[];
  readonly data?: readonly DataType[] | "verdict";
  /** Elements are ranges of keys. With a concatenation every part is a range (kernel 5.6). */
  readonly interval?: boolean;
  /** Elements may end by themselves: "none" unless an element says when, or milliseconds for those that do not. */
  readonly timeout?: number | "none";
  readonly comment?: string;
}

/** Where a set is found. */
export type SetName = Pick<NamedSet, "table" | "name">;

export function describeSet({ table, name }: SetName): string {
  return describeInTable(table, name);
}

/** What people call it. */
function noun(set: NamedSet): string {
  return set.data === undefined ? "set" : "map";
}

/** Makes a set or map; one that is there already stays as it is. Throws RangeError for an impossible comment. */
export function addSet(set: NamedSet): Command {
  const { key, data, timeout } = set;
  const body = new AttributeWriter()
    .raw(setKey(set))
    .u32be(NFTA_SET_FLAGS, setFlags(set))
    .u32be(NFTA_SET_KEY_TYPE, typeNumber(key))
    .u32be(NFTA_SET_KEY_LEN, concatenatedLength(key));
  if (data === "verdict") body.u32be(NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT);
  else if (data !== undefined) {
    body.u32be(NFTA_SET_DATA_TYPE, typeNumber(data)).u32be(NFTA_SET_DATA_LEN, concatenatedLength(data));
  }
  if (isRangeOfParts(set)) body.nested(NFTA_SET_DESC, (desc) => writeParts(desc, key));
  // Needed to refer to a set without a name from within the same batch; the kernel demands it of all.
  body.u32be(NFTA_SET_ID, 1);
  if (typeof timeout === "number") body.bytes(NFTA_SET_TIMEOUT, u64Bytes(BigInt(timeout)));
  body.bytes(NFTA_SET_USERDATA, setUserdata(set));
  return {
    type: NFT_MSG_NEWSET,
    flags: NLM_F_CREATE,
    family: set.table.family,
    body: body.finish(),
    operation: `cannot add ${noun(set)} ${describeSet(set)}`,
  };
}

/** Whether elements are written as one key for the begin and one for the end, both in one element. */
export function isRangeOfParts(set: Pick<NamedSet, "key" | "interval">): boolean {
  return set.interval === true && set.key.length > 1;
}

/** The attributes that ask for a set. */
export function setKey({ table, name }: SetName): Uint8Array {
  return new AttributeWriter().text(NFTA_SET_TABLE, table.name).text(NFTA_SET_NAME, name).finish();
}

/** Reads the attributes of a set; undefined for those whose types nothing here knows. Throws DecodeError. */
export function decodeSet(family: TableName["family"], bytes: Uint8Array): NamedSet | undefined {
  const attributes = new Attributes(bytes);
  const flags = attributes.u32be(NFTA_SET_FLAGS) ?? 0;
  const key = typesFromNumber(attributes.u32be(NFTA_SET_KEY_TYPE) ?? 0);
  const data = dataOf(flags, attributes.u32be(NFTA_SET_DATA_TYPE));
  if ((flags & NFT_SET_ANONYMOUS) !== 0 || key === undefined || data === "unknown") return undefined;
  const comment = commentIn(attributes.bytes(NFTA_SET_USERDATA), setCommentItem);
  const timeout = readU64(attributes.bytes(NFTA_SET_TIMEOUT)) ?? 0n;
  return {
    table: { family, name: attributes.text(NFTA_SET_TABLE) ?? "" },
    name: attributes.text(NFTA_SET_NAME) ?? "",
    key,
    ...(data === undefined ? {} : { data }),
    ...((flags & NFT_SET_INTERVAL) === 0 ? {} : { interval: true }),
    ...((flags & NFT_SET_TIMEOUT) === 0 ? {} : { timeout: timeout === 0n ? "none" : Number(timeout) }),
    ...(comment === undefined ? {} : { comment }),
  };
}

function dataOf(flags: number, type: number | undefined): NamedSet["data"] | "unknown" {
  if ((flags & NFT_SET_MAP) === 0) return undefined;
  if (type === NFT_DATA_VERDICT) return "verdict";
  return typesFromNumber(type ?? 0) ?? "unknown";
}

function setFlags(set: NamedSet): number {
  return (
    (set.data === undefined ? 0 : NFT_SET_MAP) |
    (set.interval === true ? NFT_SET_INTERVAL : 0) |
    (isRangeOfParts(set) ? NFT_SET_CONCAT : 0) |
    (set.timeout === undefined ? 0 : NFT_SET_TIMEOUT)
  );
}

function writeParts(desc: AttributeWriter, key: readonly DataType[]): void {
  desc.nested(NFTA_SET_DESC_CONCAT, (list) => {
    for (const type of key) {
      list.nested(NFTA_LIST_ELEM, (field) => field.u32be(NFTA_SET_FIELD_LEN, typeLength(type)));
    }
  });
}

function setUserdata({ key, data, comment }: NamedSet): Uint8Array {
  const items = [{ type: setKeyByteOrderItem, value: hostU32(byteOrderNumber(key)) }];
  if (data !== undefined) {
    const number = data === "verdict" ? 0 : byteOrderNumber(data);
    items.push({ type: setDataByteOrderItem, value: hostU32(number) });
  }
  if (comment !== undefined) items.push(commentUserdata(comment, setCommentItem));
  return encodeUserdata(items);
}
