import assert from "node:assert/strict";
import { test } from "node:test";
import { parseResolvConf } from "./resolv-conf.ts";

const nothing = { nameservers: [], search: [], options: [] };

test("all keywords are read; search and options add up, the last domain counts", () => {
  const text = `; comment
# nameserver 9.9.9.9
#nameserver 9.9.9.9
  nameserver 192.0.2.0\t
\tnameserver 2001:db8::1 ignored
domain first.example
domain example.com
search a.example b.example
search c.example
options ndots:5 timeout:3\r
options debug
sortlist 130.155.160.0
nameserver
Nameserver 1.1.1.1
`;
  assert.deepEqual(parseResolvConf(text), {
    nameservers: ["192.0.2.0", "2001:db8::1"],
    domain: "example.com",
    search: ["a.example", "b.example", "c.example"],
    options: ["ndots:5", "timeout:3", "debug"],
  });
});

test("values are taken as they are, as in the Go plugin", () => {
  assert.deepEqual(parseResolvConf(""), nothing);
  assert.deepEqual(parseResolvConf("search a b # c").search, ["a", "b", "#", "c"]);
  assert.deepEqual(parseResolvConf("nameserver 3.3.3.3#c\nnameserver not-an-ip").nameservers, [
    "3.3.3.3#c",
    "not-an-ip",
  ]);
  assert.deepEqual(parseResolvConf("nameserver\u00a0 1.1.1.1\u0085").nameservers, ["1.1.1.1"]);
});

test("long lines of white space take a time that is linear in their length", { timeout: 60_000 }, () => {
  const line = `search a${" ".repeat(65_000)}b\n`;
  assert.equal(parseResolvConf(line.repeat(100)).search?.length, 200);
});

test("a line of 65535 bytes is read, one of 65536 refused", () => {
  const line = (bytes: number): string => `search ${"x".repeat(bytes - 7)}`;
  assert.equal(parseResolvConf(`${line(65535)}\n`).search?.[0]?.length, 65528);
  assert.throws(() => parseResolvConf(`nameserver 1.1.1.1\n${line(65536)}`), {
    code: 7,
    message: /token too long/,
  });
});
