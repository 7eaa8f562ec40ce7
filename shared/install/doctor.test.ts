import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { examine } from "./doctor.ts";
import { folderFor, linked, selfFor, writeOurs } from "./executable.fixture.ts";
import { infoStart } from "./go-program.ts";
import { install } from "./install.ts";
import type { Self } from "./self.ts";

const pluginNamed = (name: string) =>
  linked.plugins.find((plugin) => name === plugin || name.endsWith(`-${plugin}`));

function look(self: Self, directory: string, expected: readonly string[] = linked.plugins) {
  const findings = examine(self, { directory, expected, pluginNamed });
  return new Map(findings.map((one) => [one.name, one]));
}

function problems(self: Self, directory: string, expected?: readonly string[]): Record<string, string> {
  const all = [...look(self, directory, expected).values()];
  return Object.fromEntries(all.flatMap(({ name, is, isWell }) => (isWell ? [] : [[name, is]])));
}

/** Writes what looks like a Go plugin, in place where there is a file. */
function writeGo(path: string, plugin: string, version = "v1.9.1"): void {
  const info = `path\tgithub.com/containernetworking/plugins/plugins/meta/${plugin}\nmod\tx\t${version}\t\n`;
  writeFileSync(path, readFileSync("/bin/true"), { mode: 0o755 });
  appendFileSync(path, Buffer.from(`${infoStart}${info}`, "latin1"));
}

test("a directory as an installation leaves it is well", (t) => {
  const self = selfFor(t);
  const directory = folderFor(t);
  for (const copies of [false, true]) {
    install(self, { directory, names: [...linked.plugins, "cnv-bridge"], copies, update: true });
    const found = look(self, directory);
    assert.deepEqual(problems(self, directory), {});
    assert.equal(found.get("bridge")?.is, "cni-plugins-ts v2.0.0");
    assert.equal(found.get("cnv-bridge")?.is, "cni-plugins-ts v2.0.0");
    assert.match(found.get("vlan")?.is ?? "", /not there/);
  }
});

test("a name that Go's plugin has got back is told with its version, and what to do", (t) => {
  const self = selfFor(t);
  const directory = folderFor(t);
  install(self, { directory, names: linked.plugins, copies: true, update: true });
  writeGo(join(directory, "portmap"), "portmap", "v1.9.0");
  writeGo(join(directory, "vlan"), "vlan");
  const found = look(self, directory);
  assert.equal(found.get("portmap")?.is, "Go's portmap v1.9.0");
  assert.match(found.get("portmap")?.advice ?? "", / install .* portmap$/);
  assert.deepEqual([found.get("vlan")?.is, found.get("vlan")?.isWell], ["Go's vlan v1.9.1", true]);
  assert.deepEqual(Object.keys(problems(self, directory)), ["portmap"]);
  assert.deepEqual(problems(self, directory, ["bridge", "tuning"]), {});
});

test("hard links that somebody copied over in place have one content", (t) => {
  const self = selfFor(t);
  const directory = folderFor(t);
  install(self, { directory, names: linked.plugins, copies: false, update: true });
  writeGo(join(directory, "bridge"), "vrf");
  const found = problems(self, directory);
  assert.deepEqual(Object.keys(found), ["bridge", "portmap", "tuning"]);
  assert.match(found["portmap"] ?? "", /^Go's vrf v1.9.1, in one file with bridge, tuning: .* in place$/);
});

test("what cannot be a plugin, or not the one that its name says", (t) => {
  const self = selfFor(t);
  const directory = folderFor(t);
  const path = (name: string) => join(directory, name);
  writeOurs(path("bridge"), linked);
  truncateSync(path("bridge"), 20_000);
  writeOurs(path("portmap"), linked);
  const damaged = readFileSync(path("portmap")).fill(7, 2000, 12_000);
  writeFileSync(path("portmap"), damaged);
  writeFileSync(path("tuning"), "");
  writeGo(path("vlan"), "vrf");
  writeOurs(path("ptp"), { ...linked, plugins: ["bridge"] });
  writeFileSync(path("static"), readFileSync("/bin/true").fill(40, 18, 19), { mode: 0o755 });
  writeGo(path("sbr"), "sbr");
  chmodSync(path("sbr"), 0o644);
  symlinkSync("nowhere", path("tap"));
  mkdirSync(path("firewall"));
  const found = problems(self, directory, [...linked.plugins, "firewall", "loopback"]);
  const expected = {
    bridge: /^cut off: 20000 of /,
    firewall: /^a directory$/,
    loopback: /^missing$/,
    portmap: /^cni-plugins-ts v2.0.0, damaged$/,
    ptp: /^the bridge of cni-plugins-ts v2.0.0$/,
    sbr: /^Go's sbr v1.9.1, but not executable$/,
    static: /^for arm, and this machine is /,
    tap: /^a symbolic link to nowhere, which is not there$/,
    tuning: /^empty$/,
    vlan: /^Go's vrf v1.9.1$/,
  };
  assert.deepEqual(Object.keys(found), Object.keys(expected));
  for (const [name, pattern] of Object.entries(expected)) assert.match(found[name] ?? "", pattern);
});

test("others' files are nobody's business, unless they have a name that is ours", (t) => {
  const self = selfFor(t);
  const directory = folderFor(t);
  writeFileSync(join(directory, "README.md"), "words");
  writeFileSync(join(directory, "script"), "#!/bin/sh\n", { mode: 0o755 });
  writeFileSync(join(directory, "program"), readFileSync("/bin/true"), { mode: 0o755 });
  writeFileSync(join(directory, ".bridge.new-0123456789abcdef"), "");
  assert.deepEqual(problems(self, directory, []), {});
  const found = problems(self, directory, ["script", "program", "README.md"]);
  assert.deepEqual(found, {
    "README.md": "no program",
    program: "another's program",
    script: "a script for /bin/sh",
  });
});

test("another version, another build, and a symbolic link", (t) => {
  const self = selfFor(t);
  const directory = folderFor(t);
  writeOurs(join(directory, "bridge"), { ...linked, version: "1.9.0" });
  writeOurs(join(directory, "portmap"), { ...linked, commit: "def" });
  writeOurs(join(directory, "tuning"), linked);
  symlinkSync("tuning", join(directory, "vendor-tuning"));
  assert.deepEqual(problems(self, directory), {
    bridge: "cni-plugins-ts v1.9.0, and this is v2.0.0",
    portmap: "cni-plugins-ts v2.0.0 of commit def, and this is abc",
  });
  const { is } = look(self, directory).get("vendor-tuning") ?? {};
  assert.equal(is, "a symbolic link to tuning: cni-plugins-ts v2.0.0");
});

test("names that are one file by hard links are told only where that is why", (t) => {
  const self = selfFor(t);
  const directory = folderFor(t);
  writeGo(join(directory, "vlan"), "vlan");
  linkSync(join(directory, "vlan"), join(directory, "cnv-vlan"));
  assert.deepEqual(problems(self, directory, []), {});
});

test("a directory that is not there", (t) => {
  assert.throws(() => look(selfFor(t), "/nonexistent"), /cannot read the directory \/nonexistent: ENOENT/);
});
