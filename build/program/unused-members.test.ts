import assert from "node:assert/strict";
import { test } from "node:test";
import { unusedMembers, withoutUnusedMembers } from "./unused-members.ts";

test("methods and accessors that nothing names are left out, with those that only they name", () => {
  const script = `class A {
    used() { return this.inner(); }
    inner() { return 1; }
    get unused() { return this.alsoUnused(); }
    static alsoUnused() { return this.unused; }
    recursive() { return this.recursive(); }
  }
  new A().used();`;
  const left = withoutUnusedMembers(script);
  assert.match(left, /used\(\)[\s\S]*inner\(\)/);
  assert.doesNotMatch(left, /unused|alsoUnused|recursive/);
});

test("what a string names, what the language calls and what has no plain name stays", () => {
  const script = `class A {
    #own() {}
    [Symbol.iterator]() {}
    "quoted"() {}
    byString() {}
    destructured() {}
    constructor() {}
    toJSON() {}
    toString() {}
    field = 1;
    static { start(); }
  }
  a["byString"]();
  const { destructured: d } = a;`;
  assert.equal(withoutUnusedMembers(script), script);
});

test("a script without classes stays as it is", () => {
  const script = "const table = { method() {}, get other() {} };";
  assert.equal(withoutUnusedMembers(script), script);
});

test("a member stays whose name may be put together from a known and an unknown part", () => {
  const script = `class A { readLater() {} laterRead() {} other() {} plus$1() {} spaced() {} }
  a[\`\${when}Later\`](); b["plus$" + when]; say("later " + x + "Read"); say(\`spa \${x}ced\`);`;
  assert.deepEqual(
    unusedMembers(script).map(({ name }) => name),
    ["laterRead", "other", "spaced"],
  );
});

test("a member that is asked for by a name from unknown parts alone is refused", () => {
  assert.throws(() => unusedMembers(`a[\`\${b}\${c}\`]()`), /unknown parts, at 0/);
  assert.deepEqual(unusedMembers(`a[b + 1]; a[b]; \`\${b}\${c}\``), []);
});
