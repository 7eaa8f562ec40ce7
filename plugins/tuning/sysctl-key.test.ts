import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { sysctlPaths } from "./sysctl-key.ts";

test("dots and slashes both separate, and may be too many", () => {
  for (const key of [
    "net.ipv4.conf.all.log_martians",
    "net/ipv4/conf/all/log_martians",
    "/net/ipv4/conf/all/log_martians",
    ".net..ipv4.conf.all.log_martians.",
  ]) {
    assert.deepEqual(sysctlPaths(key, "eth0"), ["net/ipv4/conf/all/log_martians"], key);
  }
  assert.equal(sysctlPaths("net.ipv4/conf.all/log_martians", "eth0")[0], "net/ipv4/conf/all/log_martians");
});

test("IFNAME is the interface, once, and keeps its dots", () => {
  assert.deepEqual(sysctlPaths("net.ipv4.conf.IFNAME.arp_notify", "eth0.7"), [
    "net/ipv4/conf/eth0.7/arp_notify",
  ]);
  assert.deepEqual(sysctlPaths("net.ipv4.conf.IFNAME.IFNAME", "eth0"), ["net/ipv4/conf/eth0/IFNAME"]);
  assert.deepEqual(sysctlPaths("net.ipv4.conf.ifname.x", "eth0"), ["net/ipv4/conf/ifname/x"]);
  assert.deepEqual(sysctlPaths("net.ipv4.conf.IFNAME.x", "$&$1"), ["net/ipv4/conf/$&$1/x"]);
});

test("a name with dots in a key with slashes, and the other way round as sysctl(8) has it", () => {
  const wanted = "net/ipv4/conf/eth0.7/arp_notify";
  assert.deepEqual(sysctlPaths("net/ipv4/conf/eth0.7/arp_notify", "eth1")[1], wanted);
  assert.deepEqual(sysctlPaths("net.ipv4.conf.eth0/7.arp_notify", "eth1")[1], wanted);
});

test("parameters outside net.* are refused", () => {
  const mistakes = [
    "kernel.shmmax",
    "net",
    "net.",
    "",
    ".",
    "network.x",
    "NET.ipv4.ip_forward",
    " net.x",
    "net.\0",
  ];
  for (const key of mistakes) {
    const message = `invalid net sysctl key: ${JSON.stringify(key)}`;
    assert.throws(() => sysctlPaths(key, "eth0"), { code: 7, message });
  }
});

test("no key leads out of /proc/sys/net", () => {
  const piece = fc.constantFrom("net", ".", "/", "..", "kernel", "IFNAME", "a");
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      let paths: readonly string[] = [];
      try {
        paths = sysctlPaths(`net${pieces.join("")}`, "eth0.7");
      } catch {
        // refused
      }
      for (const path of paths)
        assert.equal(new URL(path, "file:///").pathname.startsWith("/net/"), true, path);
    }),
  );
});
