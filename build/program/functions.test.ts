import assert from "node:assert/strict";
import { test } from "node:test";
import { build } from "esbuild";
import { calledFunctions, compiledFunctions, functionsOf, warmFunctions } from "./functions.ts";
import { asFunction, type Script } from "./script.ts";

const source =
  "function one() { return () => 1; } class Two { #three = 3; four() {} } const five = (x) => x; use(one, Two, five);";

/** A bundle of a file `a.ts` with a text. */
async function bundled(contents: string): Promise<Script> {
  const options = { sourcefile: "a.ts", resolveDir: "/", loader: "ts" } as const;
  const { outputFiles } = await build({
    stdin: { contents, ...options },
    absWorkingDir: "/",
    outfile: "/out.js",
    bundle: true,
    format: "cjs",
    write: false,
    sourcemap: "external",
  });
  const [map, text] = outputFiles;
  return { text: text?.text ?? "", map: map?.text ?? "" };
}

const script = await bundled(source);
const program = asFunction(script);
const functions = functionsOf(script);
const namesOf = (found: readonly { name: string }[]) => found.map(({ name }) => name);

test("functions, methods, arrow functions and fields are found by their names in the sources, outer ones first", () => {
  const [whole, ...others] = functions;
  assert.equal(program.slice(whole?.start, whole?.end), program.slice(1, -1));
  assert.deepEqual(namesOf(others), [
    "a.ts one",
    "a.ts one/1",
    "a.ts Two.#three",
    "a.ts Two.four",
    "a.ts five",
  ]);
});

test("each tells a place that is in none of those within it", () => {
  for (const { inside, start, end } of functions) {
    const innermost = functions.findLast((other) => other.start <= inside && inside < other.end);
    assert.equal(innermost?.start, start);
    assert.ok(inside < end);
  }
});

test("what is within a cold function may be warm, and so are fields", () => {
  const cold = new Set(["a.ts one", "a.ts five", "a.ts Two.#three"]);
  const warm = namesOf(warmFunctions(functions, cold)).filter((name) => name.startsWith("a.ts"));
  assert.deepEqual(warm, ["a.ts one/1", "a.ts Two.#three", "a.ts Two.four"]);
  assert.equal(warmFunctions(functions).length, functions.length);
});

test("functions were called or not by where they end; fields are not asked about", () => {
  const end = functions.find(({ name }) => name === "a.ts Two.four")?.end ?? 0;
  const called = calledFunctions(functions, new Set([end]));
  assert.equal(called.get("a.ts Two.four"), true);
  assert.equal(called.get("a.ts five"), false);
  assert.equal(called.has("a.ts Two.#three"), false);
});

test("V8's log tells what of the program was compiled", () => {
  const log = [
    "v8-version,13,6,233,17,-node,0",
    "function,interpreter,12,10,20,0,5354,snapshot script",
    "function,full-parse,13,100,200,0.05,5300,parsed",
    "function,interpreter,13,100,200,0,5354,one",
    "function,interpreter,13,300,400,0,5446,",
  ].join("\n");
  assert.deepEqual(compiledFunctions(log), [200, 400]);
  assert.deepEqual(compiledFunctions(""), []);
});
