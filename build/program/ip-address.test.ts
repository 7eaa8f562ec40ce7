import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Address4, Address6 } from "ip-address";
import { bundle } from "./bundle.ts";
import { asModule, delayConstants } from "./ip-address.ts";

const texts4 = [
  "10.1.2.3",
  "224.0.0.1",
  "127.0.0.1",
  "169.254.1.1",
  "0.0.0.0",
  "100.64.1.1",
  "192.0.2.7",
  "8.8.8.8",
];
const texts6 = [
  "::",
  "::1",
  "fe80::1",
  "ff02::2",
  "fc00::5",
  "2001:db8::1",
  "2002::1",
  "2001::9",
  "::ffff:1.2.3.4",
];

function answers(four: typeof Address4, six: typeof Address6): unknown {
  return [
    ...texts4
      .map((text) => new four(text))
      .map((a) => [a.isPrivate(), a.isGlobal(), a.isDocumentation(), a.isCGNAT()]),
    ...texts6
      .map((text) => new six(text))
      .map((a) => [a.getType(), a.isGlobal(), a.isULA(), a.isMapped4(), a.correctForm()]),
  ];
}

test("ip-address in a bundle says the same as the package, and makes no subnet before it is asked", async (t) => {
  // Where the package is found from.
  const dist = join(import.meta.dirname, "../../dist");
  mkdirSync(dist, { recursive: true });
  const folder = mkdtempSync(join(dist, ".test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const entry = join(folder, "main.ts");
  writeFileSync(entry, 'import { Address4, Address6 } from "ip-address";\ngive({ Address4, Address6 });\n');
  const given: { Address4: typeof Address4; Address6: typeof Address6 }[] = [];
  const text = await bundle(entry);
  new Function("give", text)((value: (typeof given)[number]) => given.push(value));
  const [own] = given;
  assert.ok(own);
  assert.deepEqual(answers(own.Address4, own.Address6), answers(Address4, Address6));
  assert.equal(/(?<!\?\?=)new Address[46]\("(?:127|169\.254|224)/.test(text), false);
});

test("CommonJS as TypeScript writes it becomes an ES module, and other CommonJS is refused", () => {
  const source = `"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.B = exports.Again = void 0;
exports.f = f;
const common = __importStar(require("./common"));
var other_1 = require("./other");
Object.defineProperty(exports, "Again", { enumerable: true, get: function () { return other_1.Again; } });
exports.B = [
    common.x,
];
function f() { }
`;
  const lines = asModule(source)
    .split("\n")
    .filter((line) => line !== "");
  assert.deepEqual(lines, [
    '"use strict";',
    "export { f };",
    'import * as common from "./common";',
    'import * as other_1 from "./other";',
    "export const Again = other_1.Again;",
    "export const B = [",
    "    common.x,",
    "];",
    "function f() { }",
  ]);
  assert.throws(() => asModule("module.exports = 1;\n"), /not as TypeScript writes CommonJS: module.exports/);
  assert.throws(() => asModule('const { x } = require("./x");\n'), /const \{ x \} = require/);
});

test("a module without such constants is refused", () => {
  assert.throws(() => delayConstants("const small = 1;\n"), /has the package changed/);
});

test("names in properties and longer names stay as they are", () => {
  const source = "const TABLE = [1];\nuse(TABLE, other.TABLE, TABLE_V4);\n";
  assert.equal(
    delayConstants(source),
    "let made_TABLE; const get_TABLE = () => made_TABLE ??= [1];\nuse(get_TABLE(), other.TABLE, TABLE_V4);\n",
  );
});
