import assert from "node:assert/strict";
import { test } from "node:test";
import { allowListPatterns, assertListed, assertPatterns } from "./allow-list.ts";

test("one pattern a line", () => {
  const text = "^net\\.ipv4\\.\r\n\r\n  net.core  \n# not (a pattern\n\tx#y\n";
  assert.deepEqual(allowListPatterns(text), ["^net\\.ipv4\\.", "net.core", "x#y"]);
  assert.deepEqual(allowListPatterns("\n \n"), []);
});

test("a pattern anywhere in the key as configured is enough", () => {
  assertListed([], []);
  assertListed(["net.ipv4.conf.IFNAME.arp_notify", "net.core.somaxconn"], ["IFNAME", "^net\\.core\\."]);
});

test("an unlisted key is refused, with the list", () => {
  assert.throws(() => assertListed(["net.core.a", "net/core/b"], ["^net\\.core", "x"]), {
    code: 7,
    message: "Sysctl net/core/b is not allowed. Only the following sysctls are allowed: [^net\\.core x]",
  });
  assert.throws(() => assertListed(["net.a"], []), { message: /are allowed: \[\]$/ });
  assert.throws(() => assertListed(["net.ipv4.conf.IFNAME.x"], ["conf\\.eth0"]), { code: 7 });
});

test("a malformed pattern counts once it is reached", () => {
  assertListed(["net.a"], ["net", "("]);
  const mistake = { code: 7, message: /allowlist\.conf: error parsing regexp: missing closing \)/ };
  assert.throws(() => assertListed(["net.a"], ["(", "net"]), mistake);
  assert.throws(() => assertPatterns(["net", "("]), mistake);
});
