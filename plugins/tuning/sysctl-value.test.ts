import assert from "node:assert/strict";
import { test } from "node:test";
import { isSameValue } from "./sysctl-value.ts";

test("white space does not make a difference", () => {
  assert.ok(isSameValue("1024 65000", "1024\t65000"));
  assert.ok(isSameValue(" 1\n", "1"));
  assert.ok(!isSameValue("1024", "1024\t65000"));
  assert.ok(!isSameValue("", "1"));
});

test("numbers are compared as the kernel reads them", () => {
  for (const [configured, current] of [
    ["02", "2"],
    ["0x2", "2"],
    ["0X1f", "31"],
    ["010", "8"],
    ["-1", "-1"],
    ["00", "0"],
    ["0x400 0xfde8", "1024\t65000"],
    ["340282366920938463463374607431768211456", "340282366920938463463374607431768211456"],
  ] as const) {
    assert.ok(isSameValue(configured, current), configured);
  }
  for (const [configured, current] of [
    ["10", "8"],
    ["08", "8"],
    ["2", "-2"],
    ["2x", "2"],
    ["0x", "0"],
    ["1 2", "2 1"],
  ] as const) {
    assert.ok(!isSameValue(configured, current), configured);
  }
});

test("lists of ports are sets", () => {
  const same = [
    "8082,8081,8080",
    "8080-8082",
    "8080-8081,8081-8082",
    "8080,8081-8082,8080",
    "0x1f90,8081,8082",
  ];
  for (const one of same) for (const other of same) assert.ok(isSameValue(one, other), `${one} ${other}`);
  for (const other of ["8080-8083", "8080,8082", "8080", "8080-8082,9000", "8080,,8082", "-"]) {
    assert.ok(!isSameValue("8080-8082", other), other);
  }
});

test("addresses are compared as such, words as they are", () => {
  assert.ok(isSameValue("2001:db8::1", "2001:0db8:0000:0000:0000:0000:0000:0001"));
  assert.ok(!isSameValue("2001:db8::1", "2001:0db8:0000:0000:0000:0000:0000:0002"));
  assert.ok(isSameValue("cubic", "cubic"));
  assert.ok(!isSameValue("cubic", "Cubic"));
  assert.ok(!isSameValue("cubic", "2"));
});
