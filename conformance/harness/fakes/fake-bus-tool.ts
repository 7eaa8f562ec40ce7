/**
 * A system bus with a firewalld that does not behave (see fake-bus.ts). Usage:
 *
 *   SOCKET dead               takes connections and says nothing
 *   SOCKET silent             the bus answers, firewalld never does
 *   SOCKET late MILLISECONDS  firewalld answers after a while
 *   SOCKET error NAME TEXT    firewalld answers every call with this error
 *
 * Prints `ready` when it listens, `connected` for each connection, and a line for each call of firewalld.
 */
import { createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

const [socketPath = "", mode = "", ...rest] = process.argv.slice(2);

createServer((socket) => {
  console.log("connected");
  socket.on("error", () => {});
  if (mode !== "dead") serve(socket);
}).listen(socketPath, () => console.log("ready"));

function serve(socket: Socket): void {
  let received = Buffer.alloc(0);
  let authenticated = false;
  socket.on("data", (bytes) => {
    received = Buffer.concat([received, bytes]);
    if (!authenticated) {
      const end = received.indexOf("BEGIN\r\n");
      if (end === -1) return;
      socket.write("DATA\r\nOK 0123456789abcdef0123456789abcdef\r\n");
      authenticated = true;
      received = received.subarray(end + "BEGIN\r\n".length);
    }
    for (;;) {
      const length = received.length < 16 ? Infinity : messageLength(received);
      if (received.length < length) return;
      void answer(socket, received.subarray(0, length));
      received = received.subarray(length);
    }
  });
}

/** The calls are known by the name that they contain. */
async function answer(socket: Socket, call: Buffer): Promise<void> {
  const serial = call.readUInt32LE(8);
  const member = ["Hello", "GetNameOwner"].find((name) => call.includes(`\0${name}\0`));
  if (member !== undefined) {
    socket.write(reply(serial, ":1.1"));
    return;
  }
  console.log(`${["addSource", "removeSource", "querySource"].find((name) => call.includes(`\0${name}\0`))}`);
  if (mode === "silent") return;
  if (mode === "late") await delay(Number(rest[0]));
  socket.write(mode === "error" ? reply(serial, rest[1] ?? "", rest[0]) : reply(serial, "trusted"));
}

function messageLength(bytes: Buffer): number {
  return roundUp(16 + bytes.readUInt32LE(12)) + bytes.readUInt32LE(4);
}

/** A message with a text in it: a method's return, or an error. D-Bus specification, "Message Format". */
function reply(serial: number, text: string, errorName?: string): Buffer {
  const fields = [headerField(5, "u", number(serial)), headerField(8, "g", Buffer.from("\x01s\0"))];
  if (errorName !== undefined) fields.push(headerField(4, "s", string(errorName)));
  // The last one's padding does not count.
  const lengths = fields.map((field) => roundUp(field.length));
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const last = fields.at(-1)?.length ?? 0;
  const body = string(text);
  const type = errorName === undefined ? 2 : 3;
  const fixed = [Buffer.from(["l".charCodeAt(0), type, 1, 1]), number(body.length), number(1)];
  const head = Buffer.concat([...fixed, number(total - roundUp(last) + last), ...fields.map(padded)]);
  return Buffer.concat([head, body]);
}

function headerField(code: number, type: string, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([code, 1, type.charCodeAt(0), 0]), value]);
}

function string(text: string): Buffer {
  return Buffer.concat([number(Buffer.byteLength(text)), Buffer.from(`${text}\0`)]);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(roundUp(bytes.length) - bytes.length)]);
}

function roundUp(length: number): number {
  return Math.ceil(length / 8) * 8;
}
