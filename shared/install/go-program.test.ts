import assert from "node:assert/strict";
import { test } from "node:test";
import { goPluginOf, parseGoProgram } from "./go-program.ts";

const portmap = "github.com/containernetworking/plugins/plugins/meta/portmap";

test("a release of the Go plugins has its version from the linker", () => {
  const text = [
    `path\t${portmap}`,
    "mod\tgithub.com/containernetworking/plugins\t(devel)\t",
    'build\t-ldflags="-extldflags -static -X github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=v1.9.1"',
    "",
  ].join("\n");
  assert.deepEqual(parseGoProgram(text), { path: portmap, version: "v1.9.1" });
});

test("one that was made by `go install` has it from its module", () => {
  const text = `path\t${portmap}\nmod\tgithub.com/containernetworking/plugins\tv1.10.0\th1:x=\ndep\ta.b/c\tv9.9.9\t`;
  assert.deepEqual(parseGoProgram(text), { path: portmap, version: "v1.10.0" });
});

test("a build of a work tree, and one without modules, have none; what follows is another's", () => {
  const end = "\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2";
  const module = `path\t${portmap}\nmod\tgithub.com/containernetworking/plugins\t(devel)\t\n`;
  for (const text of [module, `path\t${portmap}\n`, `${module}${end}mod\ta.b/c\tv9.9.9`]) {
    assert.deepEqual(parseGoProgram(text), { path: portmap, version: undefined });
  }
});

test("other texts are no such thing", () => {
  for (const text of ["", "path\t", "path\t\x01", "xpath\ta"]) assert.equal(parseGoProgram(text), undefined);
});

test("a plugin is told from its main package", () => {
  assert.equal(goPluginOf(portmap), "portmap");
  assert.equal(goPluginOf("github.com/flannel-io/cni-plugin"), undefined);
});
