import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseNames, readSwitch } from "./installed-names.ts";

// What the build puts in.
Object.assign(globalThis, { CNI_PLUGINS_NAMES: ["bridge", "host-local", "portmap"] });
const all = ["bridge", "host-local", "portmap"];

test("all names, those given, or those of CNI_PLUGINS", () => {
  assert.deepEqual(chooseNames(all, [], {}), all);
  assert.deepEqual(chooseNames(all, ["portmap", "bridge", "portmap"], {}), ["portmap", "bridge"]);
  assert.deepEqual(chooseNames(all, [], { CNI_PLUGINS: " bridge, cnv-bridge" }), ["bridge", "cnv-bridge"]);
  assert.deepEqual(chooseNames(all, ["portmap"], { CNI_PLUGINS: "bridge" }), ["portmap"]);
  assert.deepEqual(chooseNames(all, [], { CNI_PLUGINS: "" }), all);
});

test("without those of SKIP_CNI_BINARIES, which may name others' as well", () => {
  const environment = { SKIP_CNI_BINARIES: "flannel,portmap , bridge" };
  assert.deepEqual(chooseNames(all, [], environment), ["host-local"]);
  assert.deepEqual(chooseNames(["bridge"], [], environment), []);
});

test("names by which it is no plugin are refused, with what it has", () => {
  for (const name of ["flannel", "", "x/bridge", "../x-bridge", "bridge.exe"]) {
    assert.throws(
      () => chooseNames(all, [name], {}),
      { code: 4, details: "it has bridge, host-local, portmap" },
      name,
    );
  }
  assert.throws(() => chooseNames(["bridge"], ["portmap"], {}), {
    code: 4,
    details: /run the executable of portmap/,
  });
});

test("switches are Go's words for true and false", () => {
  const read = (value: string) => readSwitch({ X: value }, "X", true);
  assert.deepEqual(["", "true", "1", "T", "False", "0", "f"].map(read), [
    true,
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
  assert.equal(readSwitch({}, "X", false), false);
  assert.throws(() => read("no"), /X is neither true nor false: no/);
});
