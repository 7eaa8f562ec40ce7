import assert from "node:assert/strict";
import { test } from "node:test";
import { checkSelfContained } from "./free-names.ts";
import { guards } from "./guards.ts";
import { snapshotScripts } from "./snapshot-scripts.ts";

/** What Node gives its scripts, as far as these use it. */
const givenNames = ["primordials", "getInternalBinding", "process", "internalBinding"];

test("the scripts that travel as text use nothing from outside", () => {
  for (const text of [...Object.values(snapshotScripts), guards]) checkSelfContained(text, givenNames);
});

const outside = "of this module";
const planted: Readonly<Record<string, () => unknown>> = {
  "a plain use": () => outside,
  "in a template": () => `${outside}`,
  "as a default": ({ a = outside } = {}) => a,
  "as a value by its own name": () => ({ outside }),
  "as a computed member": () => ({ [outside]: 1 }),
  "where another scope has the name": () => {
    for (const outside of [1]) String(outside);
    return outside;
  },
  "in a class": () =>
    class {
      field = outside;
    },
};
for (const [where, text] of Object.entries(planted)) {
  test(`a name from outside is refused: ${where}`, () => {
    assert.throws(() => checkSelfContained(`(${text})`, []), /not there.*: outside$/);
  });
}

test("parameters, declarations, names of members and JavaScript's own names are no free names", () => {
  const within = function named(given: { key: number }, ...rest: number[]): unknown {
    const { key: renamed, ...others } = given;
    const [first = renamed] = rest;
    function later(): unknown {
      return [Reflect.ownKeys(others), undefined, named, Own];
    }
    class Own {
      key = first;
      #own = first;
      own = this.#own;
    }
    for (let index = 0; index < 1; index++) JSON.stringify({ index, outside: index }.outside);
    try {
      return later();
    } catch (error) {
      return [error, new.target];
    }
  };
  checkSelfContained(`(${within})`, []);
  checkSelfContained("return internal", ["internal"]);
});
