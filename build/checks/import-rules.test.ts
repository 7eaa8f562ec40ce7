import assert from "node:assert/strict";
import { test } from "node:test";
import { importProblems } from "./import-rules.ts";

const importing = (name: string) => `import { x } from "${name}";\n`;

const allowed = [
  ["plugins/bridge/add.ts", "../../shared/cni/result.ts"],
  ["plugins/bridge/add.ts", "./plan.ts"],
  ["shared/cni/delegate.ts", "../linux/process.ts"],
  ["shared/netlink/client.ts", "./message.ts"],
  ["shared/linux/flock.ts", "../errors/system-error.ts"],
  ["shared/cni/plugin.ts", "zod/mini"],
  ["shared/rtnetlink/link.kernel.test.ts", "../../conformance/harness/host/host.ts"],
  ["conformance/clients/ctr.blackbox.test.ts", "../harness/host/host.ts"],
  ["build/demo/demo.ts", "../../conformance/harness/host/host.ts"],
  ["conformance/harness/fakes/forger-tool.ts", "koffi"],
] as const;

for (const [path, name] of allowed) {
  test(`${path} may import ${name}`, () => assert.deepEqual(importProblems(path, importing(name)), []));
}

const forbidden = [
  ["shared/linux/netns.ts", "../netlink/client.ts"],
  ["shared/netlink/client.ts", "../rtnetlink/link.ts"],
  ["shared/iptables/client.ts", "../dbus/client.ts"],
  ["shared/cni/plugin.ts", "./result.fixture.ts"],
  ["conformance/harness/host/host.ts", "../plugins/chain.ts"],
  ["conformance/suites/all.ts", "../cli/plan.ts"],
  ["build/node/binary.ts", "../program/bundle.ts"],
  ["shared/cni/delegate.ts", "../../plugins/bridge/plan.ts"],
  ["plugins/bridge/add.ts", "../portmap/config.ts"],
  ["shared/cni/plugin.ts", "../elsewhere/x.ts"],
  ["shared/cni/plugin.ts", "../../conformance/harness/host/host.ts"],
  ["shared/cni/plugin.test.ts", "../../conformance/clients/tool.ts"],
  ["shared/cni/plugin.ts", "../../build/node/binary.ts"],
  ["conformance/harness/host/host.ts", "../../../shared/ip/prefix.ts"],
  ["conformance/harness/host/host.ts", "../../../build/node/binary.ts"],
  ["shared/cni/plugin.ts", "koffi"],
  ["conformance/harness/host/host.ts", "koffi"],
] as const;

for (const [path, name] of forbidden) {
  test(`${path} must not import ${name}`, () => {
    assert.equal(importProblems(path, importing(name)).length, 1);
    const typesOnly = `import type { X } from "${name}";\n`;
    assert.equal(importProblems(path, typesOnly).length, 1);
  });
}

test("a file outside the layers is a problem of its own", () => {
  assert.equal(importProblems("shared/misc/x.ts", "").length, 1);
  assert.equal(importProblems("plugins/x.ts", "").length, 1);
});

test("only the skeleton writes to standard output", () => {
  for (const code of ['process.stdout.write("x");', 'console.error("x");', "writeSync(1, text);"]) {
    assert.equal(importProblems("plugins/bridge/add.ts", code).length, 1, code);
    assert.deepEqual(importProblems("shared/cni/run-plugin.ts", code), []);
    assert.deepEqual(importProblems("build/build.ts", code), []);
  }
  assert.deepEqual(importProblems("plugins/bridge/add.ts", "writeSync(10, text); // console.log"), []);
});
