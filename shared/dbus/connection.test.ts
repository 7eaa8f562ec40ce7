import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { type TestContext, test } from "node:test";
import { SystemError } from "../errors/system-error.ts";
import { BusConnection, messageBus, openSystemBus } from "./connection.ts";
import { BusTimeout, BusUnavailable, DbusError } from "./errors.ts";
import { encodeMethodCall } from "./message.ts";
import type { ByteStream } from "./unix-socket.ts";

const ask = { ...messageBus, member: "GetNameOwner", args: ["org.example"] };

/** A reply to the call with this serial: a text, or an error with one. */
function reply(serial: number, text: string, errorName?: string): Buffer {
  const fields = [fieldBytes(5, "u", number(serial)), fieldBytes(8, "g", [1, ...Buffer.from("s\0")])];
  if (errorName !== undefined)
    fields.push(fieldBytes(4, "s", [...number(errorName.length), ...Buffer.from(`${errorName}\0`)]));
  const head = fields.reduce((bytes, next) => [...padded(bytes), ...next]);
  const body = [...number(text.length), ...Buffer.from(`${text}\0`)];
  const type = errorName === undefined ? 2 : 3;
  const prefix = [
    "l".charCodeAt(0),
    type,
    0,
    1,
    ...number(body.length),
    ...number(9),
    ...number(head.length),
  ];
  return Buffer.from([...padded([...prefix, ...head]), ...body]);
}

function fieldBytes(code: number, type: string, value: readonly number[]): readonly number[] {
  return [code, 1, type.charCodeAt(0), 0, ...value];
}

function number(value: number): readonly number[] {
  return [value, 0, 0, 0];
}

function padded(bytes: readonly number[]): readonly number[] {
  return [...bytes, ...new Array<number>((8 - (bytes.length % 8)) % 8).fill(0)];
}

/** A bus that says these chunks one after the other ("" is a deadline that passes), then nothing, or hangs up. */
function saying(chunks: readonly (Uint8Array | string)[], end: "silence" | "hang-up" = "silence") {
  const written: Buffer[] = [];
  const rest = chunks.map((chunk) => Buffer.from(chunk));
  const stream: ByteStream = {
    write: (bytes) => written.push(Buffer.from(bytes)),
    read: () => {
      const next = rest.shift();
      const isLate = next === undefined ? end === "silence" : next.length === 0;
      if (isLate) throw new SystemError("recv", "EAGAIN");
      return next ?? new Uint8Array(0);
    },
    close: () => {},
  };
  return { stream, written };
}

const welcome = ["DATA\r\nOK 0123456789abcdef\r\n", reply(1, ":1.7")];
const signal = encodeMethodCall(5, { ...messageBus, member: "NameAcquired", args: [":1.7"] });

test("authenticates without naming a user, says hello, calls", () => {
  const { stream, written } = saying([...welcome, signal, reply(2, ":1.0")]);
  assert.deepEqual(new BusConnection(stream, 1000).call(ask, 1000), [":1.0"]);
  assert.equal(written[0]?.toString(), "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n");
  assert.deepEqual(
    written[1],
    Buffer.from(encodeMethodCall(1, { ...messageBus, member: "Hello", args: [] })),
  );
  assert.deepEqual(written[2], Buffer.from(encodeMethodCall(2, ask)));
});

test("it does not matter how the bytes are cut", () => {
  const whole = Buffer.concat([...welcome, signal, reply(2, ":1.0")].map((part) => Buffer.from(part)));
  const single = [...whole].map((byte) => Uint8Array.of(byte));
  assert.deepEqual(new BusConnection(saying(single).stream, 1000).call(ask, 1000), [":1.0"]);
  assert.deepEqual(new BusConnection(saying([whole]).stream, 1000).call(ask, 1000), [":1.0"]);
});

test("an error reply has its name and the sender's words", () => {
  const { stream } = saying([
    ...welcome,
    reply(2, "no such name", "org.freedesktop.DBus.Error.NameHasNoOwner"),
  ]);
  assert.throws(
    () => new BusConnection(stream, 1000).call(ask, 1000),
    (error) =>
      error instanceof DbusError &&
      error.errorName === "org.freedesktop.DBus.Error.NameHasNoOwner" &&
      error.message === "no such name",
  );
});

test("a reply that comes after its call was given up is not the next call's", () => {
  const { stream } = saying([...welcome, "", reply(2, "late"), reply(3, "right")]);
  const connection = new BusConnection(stream, 1000);
  assert.throws(() => connection.call(ask, 1000), BusTimeout);
  assert.deepEqual(connection.call(ask, 1000), ["right"]);
});

test("a bus that refuses, hangs up, talks nonsense or says nothing", () => {
  const cases: [RegExp, boolean | undefined, ReturnType<typeof saying>][] = [
    [/does not let us in: "REJECTED EXTERNAL"/, false, saying(["REJECTED EXTERNAL\r\n"])],
    [/has closed the connection/, true, saying([], "hang-up")],
    [/has closed the connection/, true, saying([...welcome.slice(0, 1)], "hang-up")],
    [/does not speak D-Bus: an endless line/, false, saying(["x".repeat(20_000)])],
    [/does not speak D-Bus/, false, saying(["OK 1\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n"])],
    [/^the D-Bus system bus: no answer within 1 s$/, undefined, saying([])],
    [/^the D-Bus system bus: no answer within 1 s$/, undefined, saying(["DATA\r\nOK 1\r\n"])],
  ];
  for (const [pattern, isGone, { stream }] of cases) {
    assert.throws(
      () => new BusConnection(stream, 1000),
      (error) => {
        assert.ok(error instanceof BusUnavailable || error instanceof BusTimeout);
        assert.match(error.message, pattern);
        assert.equal(error instanceof BusUnavailable ? error.isGone : undefined, isGone);
        return true;
      },
    );
  }
});

/** A process that listens on a Unix socket and says nothing. */
async function silentServer(t: TestContext, path: string): Promise<void> {
  const code = `require("net").createServer(()=>{}).listen(${JSON.stringify(path)},()=>console.log("ready"))`;
  const server: ChildProcess = spawn(process.execPath, ["-e", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => server.kill("SIGKILL"));
  assert.ok(server.stdout !== null);
  await once(server.stdout, "data");
}

function folder(t: TestContext): string {
  const path = mkdtempSync(`${tmpdir()}/dbus-`);
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

test("a server that never answers is given up, at a path or an abstract name", async (t) => {
  const path = `${folder(t)}/bus`;
  for (const [name, address] of [
    [path, `unix:path=${path}`],
    [`\0${path}`, `unix:abstract=${path}`],
  ] as const) {
    await silentServer(t, name);
    assert.throws(() => openSystemBus({ DBUS_SYSTEM_BUS_ADDRESS: address }, 100), BusTimeout);
  }
});

test("no bus: the address and the cause are named", (t) => {
  const path = `${folder(t)}/bus`;
  const cases = {
    [`unix:path=${path}`]: `cannot connect to the D-Bus system bus at unix:path=${path}: ENOENT, no such file or directory`,
    [`unix:path=${path};unix:path=/dev/null`]: `cannot connect to the D-Bus system bus at unix:path=${path}: ENOENT, no such file or directory`,
    "unix:path=/dev/null": "cannot connect to the D-Bus system bus at unix:path=/dev/null: ECONNREFUSED",
    [`unix:abstract=${"x".repeat(108)}`]: `cannot connect to the D-Bus system bus at unix:abstract=${"x".repeat(108)}: ENAMETOOLONG`,
    "tcp:host=x": `cannot connect to the D-Bus system bus: no address of a kind that is known in "tcp:host=x"`,
  };
  for (const [address, message] of Object.entries(cases)) {
    assert.throws(
      () => openSystemBus({ DBUS_SYSTEM_BUS_ADDRESS: address }, 1000),
      (error) => error instanceof BusUnavailable && error.message === message,
      address,
    );
  }
});
