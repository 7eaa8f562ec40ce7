import { ByteReader } from "../netlink/attribute-reader.ts";
import { joinBytes } from "./bytes.ts";

/**
 * The `nft` program keeps what the kernel has no field for, comments above all, in a block of bytes at tables,
 * chains, sets, elements and rules: items of a type byte, a length byte and a value (libnftnl/udata.h).
 */

/** For tables, chains, elements and rules the comment is item 0. */
const commentItem = 0;
/** Items of sets. */
export const setKeyByteOrderItem = 0;
export const setDataByteOrderItem = 1;
export const setCommentItem = 7;

/** nft refuses to read back a longer one. */
const maxCommentLength = 128;

/** One item. */
export interface UserdataItem {
  readonly type: number;
  readonly value: Uint8Array;
}

export function encodeUserdata(items: readonly UserdataItem[]): Uint8Array {
  return joinBytes(items.flatMap(({ type, value }) => [Uint8Array.of(type, value.length), value]));
}

/** The items of a block; what does not fit the format, from a program with another one, is left out. */
export function decodeUserdata(bytes: Uint8Array): UserdataItem[] {
  const reader = new ByteReader(bytes);
  const items: UserdataItem[] = [];
  for (let offset = 0; offset + 2 <= bytes.length; ) {
    const end = offset + 2 + reader.u8(offset + 1);
    if (end > bytes.length) break;
    items.push({ type: reader.u8(offset), value: reader.slice(offset + 2, end) });
    offset = end;
  }
  return items;
}

/**
 * A comment as an item.
 *
 * @throws RangeError when it holds a zero byte, a quotation mark, a line break or more than 128 bytes: `nft` could
 * not read its own listing again.
 */
export function commentUserdata(text: string, type = commentItem): UserdataItem {
  const value = new TextEncoder().encode(`${text}\0`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/["\u0000-\u001f\u007f]/.test(text)) {
    throw new RangeError(`comment ${JSON.stringify(text)} holds a quotation mark or a control character`);
  }
  if (value.length - 1 > maxCommentLength) {
    throw new RangeError(`comment "${text}" is longer than ${maxCommentLength} bytes`);
  }
  return { type, value };
}

/** The comment in a block; undefined when there is none. */
export function commentIn(bytes: Uint8Array | undefined, type = commentItem): string | undefined {
  if (bytes === undefined) return undefined;
  const item = decodeUserdata(bytes).find((candidate) => candidate.type === type);
  // It ends with a zero byte; something else of this number does not.
  if (item === undefined || item.value.at(-1) !== 0) return undefined;
  return new TextDecoder().decode(item.value.subarray(0, -1));
}
