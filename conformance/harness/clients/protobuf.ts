/** What a field holds: text, a whole number, yes or no, a map from text to text, or a message. */
type FieldType = "string" | "int" | "bool" | "map" | Message;

/** Field number, what it holds, and whether there may be several. */
type Field = readonly [id: number, type: FieldType, repeated?: "repeated"];

/** The fields of a message by name; those of it that nobody here needs may be missing. */
export type Message = { readonly [name: string]: Field };

export type Value = string | number | boolean | { readonly [name: string]: Value } | readonly Value[];

const varint = 0;
const fixed64 = 1;
const lengthDelimited = 2;
const fixed32 = 5;

/** Protocol Buffers' bytes of an object (https://protobuf.dev/programming-guides/encoding/). Throws for unknown names. */
export function encode(message: Message, object: { readonly [name: string]: Value }): Buffer {
  const parts = Object.entries(object).flatMap(([name, value]) => {
    const field = message[name];
    if (field === undefined) throw new Error(`a message of ${Object.keys(message)} has no ${name}`);
    const [id, type] = field;
    if (type === "map")
      return Object.entries(value).map((entry) => encodeField(id, mapEntry, fromEntry(entry)));
    if (isList(value)) return value.map((one) => encodeField(id, type, one));
    return [encodeField(id, type, value)];
  });
  return Buffer.concat(parts);
}

/** The object that Protocol Buffers' bytes stand for, without fields that the message does not name. */
export function decode(message: Message, bytes: Buffer): Record<string, Value> {
  const fields = new Map(Object.entries(message).map(([name, field]) => [field[0], { name, field }]));
  const object: Record<string, Value> = {};
  for (const [name, [, type, repeated]] of Object.entries(message)) object[name] = absent(type, repeated);
  for (const { id, value } of readFields(bytes)) {
    const known = fields.get(id);
    if (known === undefined) continue;
    const [, type, repeated] = known.field;
    const before = object[known.name];
    if (type === "map")
      object[known.name] = { ...asMap(before), ...toEntry(decode(mapEntry, bytesOf(value))) };
    else if (repeated) object[known.name] = [...asList(before), decodeValue(type, value)];
    else object[known.name] = decodeValue(type, value);
  }
  return object;
}

const mapEntry: Message = { key: [1, "string"], value: [2, "string"] };

function fromEntry([key, value]: [string, Value]): Value {
  return { key, value };
}

function toEntry(entry: Record<string, Value>): Record<string, Value> {
  return { [String(entry["key"])]: entry["value"] ?? "" };
}

function absent(type: FieldType, repeated: "repeated" | undefined): Value {
  if (repeated) return [];
  if (type === "string") return "";
  if (type === "int") return 0;
  return type === "bool" ? false : {};
}

function encodeField(id: number, type: FieldType, value: Value): Buffer {
  if (type === "int" || type === "bool")
    return Buffer.concat([toVarint(id * 8 + varint), toVarint(Number(value))]);
  const content =
    type === "string" ? Buffer.from(String(value)) : encode(type === "map" ? mapEntry : type, asMap(value));
  return Buffer.concat([toVarint(id * 8 + lengthDelimited), toVarint(content.length), content]);
}

function decodeValue(type: Exclude<FieldType, "map">, value: Buffer | number): Value {
  if (type === "int") return Number(value);
  if (type === "bool") return value !== 0;
  if (type === "string") return bytesOf(value).toString("utf8");
  return decode(type, bytesOf(value));
}

function* readFields(bytes: Buffer): Generator<{ id: number; value: Buffer | number }> {
  let at = 0;
  const next = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes.readUInt8(at++);
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = next();
    const wireType = key % 8;
    const id = Math.floor(key / 8);
    if (wireType === varint) {
      yield { id, value: next() };
      continue;
    }
    const length = wireType === lengthDelimited ? next() : { [fixed64]: 8, [fixed32]: 4 }[wireType];
    if (length === undefined) throw new Error(`wire type ${wireType} is not supported`);
    yield { id, value: bytes.subarray(at, at + length) };
    at += length;
  }
}

function toVarint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) + 128);
  return Buffer.from([...bytes, left]);
}

function bytesOf(value: Buffer | number): Buffer {
  if (typeof value === "number") throw new Error("a number where bytes are expected");
  return value;
}

/** The values of a repeated field. */
export function asList(value: Value | undefined): readonly Value[] {
  return isList(value) ? value : [];
}

function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

/** The fields of a message, or the entries of a map. */
export function asMap(value: Value | undefined): { readonly [name: string]: Value } {
  if (typeof value !== "object" || isList(value))
    throw new Error(`${JSON.stringify(value)} is not an object`);
  return value;
}
