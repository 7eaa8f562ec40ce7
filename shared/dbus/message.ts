import { Reader, type Value } from "./reader.ts";
import { WireError } from "./wire-error.ts";

// D-Bus specification, "Message Format".
const METHOD_CALL = 1;
export const METHOD_RETURN = 2;
export const ERROR = 3;
const NO_AUTO_START = 0x2;
const protocolVersion = 1;

const field = {
  path: 1,
  interface: 2,
  member: 3,
  errorName: 4,
  replySerial: 5,
  destination: 6,
  signature: 8,
};

/** The fixed part, with the length of the header fields; it tells the length of the whole. */
export const prefixBytes = 16;
/** The specification allows 128 MiB; nothing that is asked for here comes near this. */
const maxBytes = 16 * 1024 * 1024;

export interface MethodCall {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly args: readonly string[];
  /** Do not start the service when it is not running. */
  readonly noAutoStart?: boolean;
}

export interface Message {
  readonly type: number;
  readonly serial: number;
  /** Of a reply: the call that it answers. */
  readonly replySerial: number | undefined;
  readonly errorName: string | undefined;
  readonly body: readonly Value[];
}

/** A method call with texts as its arguments. `serial` is not 0. Throws WireError for a text with a zero byte. */
export function encodeMethodCall(serial: number, call: MethodCall): Uint8Array {
  const body: number[] = [];
  for (const text of call.args) putText(body, text);

  const signature = "s".repeat(call.args.length);
  const fields: number[] = [];
  putField(fields, field.path, "o", call.path);
  putField(fields, field.interface, "s", call.interface);
  putField(fields, field.destination, "s", call.destination);
  if (signature !== "") putSignatureField(fields, signature);
  putField(fields, field.member, "s", call.member);

  const flags = call.noAutoStart === true ? NO_AUTO_START : 0;
  const message = ["l".charCodeAt(0), METHOD_CALL, flags, protocolVersion];
  putNumber(message, body.length);
  putNumber(message, serial);
  putNumber(message, fields.length);
  message.push(...fields);
  pad(message, 8);
  return Uint8Array.from([...message, ...body]);
}

/**
 * How long a message is that begins with these bytes, at least `prefixBytes`.
 *
 * @throws WireError when it is no message, or too long.
 */
export function messageBytes(start: Uint8Array): number {
  const reader = new Reader(start, isLittleEndian(start), 4);
  const [body, , fields] = reader.values("uuu");
  if (typeof body !== "number" || typeof fields !== "number") throw new WireError("no message");
  const total = bodyStart(fields) + body;
  if (total > maxBytes) throw new WireError(`a message of ${total} bytes`);
  return total;
}

/**
 * Decodes one whole message of any type and byte order.
 *
 * @throws WireError
 */
export function decodeMessage(bytes: Uint8Array): Message {
  if (messageBytes(bytes) !== bytes.length) throw new WireError("a message's length does not fit");
  const little = isLittleEndian(bytes);
  const reader = new Reader(bytes, little);
  const [, type, , version, , serial, fields] = reader.values("yyyyuua(yv)");
  if (version !== protocolVersion) throw new WireError(`protocol version ${version}`);
  if (typeof type !== "number" || typeof serial !== "number" || !isList(fields)) {
    throw new WireError("no message");
  }
  const found = new Map<Value | undefined, Value | undefined>();
  for (const [code, value] of fields.filter(isList)) found.set(code, value);
  reader.align(8);
  const body = reader.values(asText(found.get(field.signature)) ?? "");
  if (reader.offset !== bytes.length) throw new WireError("a message's signature does not fit its body");
  const replySerial = found.get(field.replySerial);
  return {
    type,
    serial,
    replySerial: typeof replySerial === "number" ? replySerial : undefined,
    errorName: asText(found.get(field.errorName)),
    body,
  };
}

function isLittleEndian(bytes: Uint8Array): boolean {
  const order = String.fromCharCode(bytes[0] ?? 0);
  if (order !== "l" && order !== "B") throw new WireError("no message");
  return order === "l";
}

function bodyStart(fieldBytes: number): number {
  return Math.ceil((prefixBytes + fieldBytes) / 8) * 8;
}

function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

function asText(value: Value | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function putField(out: number[], code: number, type: "o" | "s", text: string): void {
  pad(out, 8);
  out.push(code, 1, type.charCodeAt(0), 0);
  putText(out, text);
}

function putSignatureField(out: number[], signature: string): void {
  pad(out, 8);
  out.push(field.signature, 1, "g".charCodeAt(0), 0, signature.length, ...Buffer.from(signature), 0);
}

function putText(out: number[], text: string): void {
  const bytes = Buffer.from(text);
  if (bytes.includes(0)) throw new WireError("D-Bus texts cannot hold zero bytes");
  putNumber(out, bytes.length);
  out.push(...bytes, 0);
}

function putNumber(out: number[], value: number): void {
  pad(out, 4);
  out.push(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24);
}

function pad(out: number[], boundary: number): void {
  while (out.length % boundary !== 0) out.push(0);
}
