import assert from "node:assert/strict";
import { test } from "node:test";
import { formatBusAddress, parseBusAddresses } from "./address.ts";

test("sockets by path and by abstract name", () => {
  assert.deepEqual(parseBusAddresses("unix:path=/run/dbus/system_bus_socket"), [
    { path: "/run/dbus/system_bus_socket" },
  ]);
  assert.deepEqual(parseBusAddresses("unix:abstract=/tmp/dbus-x,guid=0123"), [{ abstract: "/tmp/dbus-x" }]);
  assert.deepEqual(parseBusAddresses("unix:guid=0123,path=/a%20b%2c;unix:path=/c"), [
    { path: "/a b," },
    { path: "/c" },
  ]);
});

test("what cannot be reached is left out", () => {
  const unknown = ["", ";", "unix:", "unix:path=", "unix:tmpdir=/tmp", "tcp:host=localhost,port=1", "/run/x"];
  const broken = ["unix:path=/a%", "unix:path=/a%00b", "unix:path=/a,abstract=b", "unix:path", "unix:=x"];
  for (const text of [...unknown, ...broken]) assert.deepEqual(parseBusAddresses(text), [], text);
  assert.deepEqual(parseBusAddresses("tcp:host=x;unix:path=/c"), [{ path: "/c" }]);
});

test("is shown as it is written", () => {
  for (const text of ["unix:path=/run/x", "unix:abstract=x"]) {
    assert.deepEqual(parseBusAddresses(text).map(formatBusAddress), [text]);
  }
});
