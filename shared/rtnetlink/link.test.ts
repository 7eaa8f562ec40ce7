import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isErrno } from "../errors/system-error.ts";
import { linkSysctl } from "../linux/sysctl.ts";
import { DecodeError } from "../netlink/attribute-reader.ts";
import { AttributeWriter } from "../netlink/attribute-writer.ts";
import { IFLA_IFNAME, RTM_NEWLINK } from "./constants.ts";
import { decodeLink, linkHeader } from "./link.ts";

function linkCalled(name: Uint8Array) {
  const body = new AttributeWriter().raw(linkHeader(7)).bytes(IFLA_IFNAME, name).finish();
  return decodeLink({ type: RTM_NEWLINK, flags: 0, sequence: 1, body });
}

test("links have the names that the kernel gives", () => {
  for (const name of ["eth0", "eth0.5", "a..b", "...", "é"]) {
    assert.equal(linkCalled(Buffer.from(`${name}\0`)).name, name);
  }
  for (const name of ["", ".", "..", "a/b", "/", "a b", "../../x", "a\nb"]) {
    assert.throws(() => linkCalled(Buffer.from(`${name}\0`)), DecodeError, name);
  }
});

test("no bytes in an answer make a path that leaves its folder", () => {
  const part = fc
    .constantFrom("..", ".", "/", "\0", "all", "default", "x", "\\")
    .map((text) => Buffer.from(text));
  const bytes = fc.array(fc.oneof(part, fc.uint8Array({ maxLength: 6 })), { maxLength: 8 });
  fc.assert(
    fc.property(bytes, (parts) => {
      let path: string;
      try {
        path = linkSysctl(4, linkCalled(Buffer.concat(parts)).name, "route_localnet");
      } catch (error) {
        return error instanceof DecodeError || isErrno(error, "EINVAL");
      }
      const [name = "", ...rest] = path.replace("net/ipv4/conf/", "").split("/");
      return ![".", "..", "", "all", "default"].includes(name) && rest.join("/") === "route_localnet";
    }),
    { numRuns: 2000 },
  );
});
