import assert from "node:assert/strict";
import { test } from "node:test";
import { missingPackages } from "./system-packages.ts";

const names = (purpose: "demo" | "test", isInstalled: (command: string) => boolean) =>
  missingPackages(purpose, isInstalled).map(({ name }) => name);

test("a machine that has everything needs nothing", () => {
  assert.deepEqual(
    names("test", () => true),
    [],
  );
});

test("one command of a package that is missing makes the package missing", () => {
  assert.deepEqual(
    names("test", (command) => command !== "ip6tables"),
    ["iptables"],
  );
});

test("the demo asks for no container engine and no Go", () => {
  const needed = names("demo", () => false);
  assert.ok(needed.includes("iptables"));
  for (const name of ["containerd", "podman", "golang-go"]) assert.ok(!needed.includes(name), name);
});
