import assert from "node:assert/strict";
import { test } from "node:test";
import { parseOptions, sections } from "./options.ts";

test("without words everything is measured", () => {
  assert.deepEqual(parseOptions([], "/out"), {
    sections,
    only: "",
    json: "/out/bench.json",
    svg: "/out/bench.svg",
  });
});

test("words select", () => {
  const words = "cold chains --attachments 1000,0 --runs 3 --only nerdctl --json a.json --svg b.svg".split(
    " ",
  );
  assert.deepEqual(parseOptions(words, "/out"), {
    sections: ["chains", "cold"],
    only: "nerdctl",
    runs: 3,
    attachments: [0, 1000],
    json: "a.json",
    svg: "b.svg",
  });
});

test("what cannot be meant is refused", () => {
  assert.throws(() => parseOptions(["chain"], "/out"), /unknown word chain/);
  assert.throws(() => parseOptions(["--runs"], "/out"), /--runs needs a value/);
  assert.throws(() => parseOptions(["--runs", "0"], "/out"), /no number from 1/);
  assert.throws(() => parseOptions(["--attachments", "0,many"], "/out"), /"many" is no number/);
  assert.throws(() => parseOptions(["--attachments", "2000"], "/out"), /to 1000/);
});
