import "./bindings-of-node.fixture.ts";
import assert from "node:assert/strict";
import { posix } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { basename, dirname, join, normalize } from "./path.ts";

const part = fc.constantFrom("/", "//", "a", "b.conf", ".", "..", ".x", "é", " ");
const path = fc.array(part, { maxLength: 8 }).map((parts) => parts.join(""));

test("paths are taken apart and put together as Node does", () => {
  fc.assert(
    fc.property(path, fc.array(path, { maxLength: 3 }), (one, others) => {
      assert.equal(normalize(one), posix.normalize(one), "normalize");
      assert.equal(dirname(one), posix.dirname(one), "dirname");
      assert.equal(basename(one), posix.basename(one), "basename");
      assert.equal(join(one, ...others), posix.join(one, ...others), "join");
    }),
    { numRuns: 5000 },
  );
});

test("a name loses its suffix as with Node", () => {
  const names = ["/a/b.conf", "b.conf", ".conf", "/x/.conf", "conf", "/a/b.conf/", "b.conf.conf"];
  for (const name of names) assert.equal(basename(name, ".conf"), posix.basename(name, ".conf"), name);
});
