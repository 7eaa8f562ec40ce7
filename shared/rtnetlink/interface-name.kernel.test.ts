import assert from "node:assert/strict";
import { test } from "node:test";
import { hostFor } from "../../conformance/harness/host/host.ts";
import { interfaceNameProblem } from "../linux/interface-name.ts";
import { inNetns, openNetns } from "../linux/netns.ts";
import { createBridge } from "./bridge.ts";
import { openRtnetlink } from "./client.ts";
import { findLink } from "./link.ts";

/** Refused though the kernel takes them: no comment of a rule can hold the first, nobody can write the second. */
const refusedByUsOnly = /control|UTF-8/;

test("the kernel gives a link the very names that are called good, and none of the others", async (t) => {
  const host = await hostFor(t);
  const netns = openNetns(host.outside(host.addNetns("a")));
  const rt = inNetns(netns, openRtnetlink);
  t.after(() => {
    rt.close();
    netns.close();
  });
  const isGiven = (name: string): boolean => {
    try {
      return createBridge(rt, { name, mtu: 0 }) && findLink(rt, name) !== undefined;
    } catch {
      return false;
    }
  };
  const characters = Array.from({ length: 0x100 }, (_, code) => String.fromCharCode(code)).slice(1);
  const others = ["\u0120", "\u2003", "\u3000", "日", "😀", ".", "%d", "%s", "%%"];
  const names = [...characters, ...others].map((text) => `x${text}`);
  const ends = ["..", "x".repeat(15), "x".repeat(16), "é".repeat(7), "é".repeat(8)];
  for (const name of new Set([...names, ...others, ...ends])) {
    const problem = interfaceNameProblem(name) ?? "";
    if (refusedByUsOnly.test(problem)) continue;
    assert.equal(isGiven(name), problem === "", `${JSON.stringify(name)}: ${problem}`);
  }
});
