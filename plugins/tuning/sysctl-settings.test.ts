import assert from "node:assert/strict";
import { test } from "node:test";
import { sysctlSettings } from "./sysctl-settings.ts";

test("keeps the order", () => {
  const sysctls = new Map([
    ["net.b", "1"],
    ["net.a", "2"],
  ]);
  assert.deepEqual(sysctlSettings(sysctls, "eth0"), [
    { paths: ["net/b"], value: "1" },
    { paths: ["net/a"], value: "2" },
  ]);
});

test("two spellings of one parameter must agree", () => {
  const spelled = (second: string) =>
    new Map([
      ["net.ipv4.conf.IFNAME.arp_notify", "1"],
      ["net/ipv4/conf/eth0/arp_notify", second],
    ]);
  assert.equal(sysctlSettings(spelled("1"), "eth0").length, 2);
  assert.throws(() => sysctlSettings(spelled("0"), "eth0"), {
    code: 7,
    message: "duplicated sysctl keys are not allowed",
  });
});
