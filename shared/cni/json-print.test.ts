import assert from "node:assert/strict";
import { test } from "node:test";
import { printJson, printJsonLine } from "./json-print.ts";

test("four blanks, empty lists and objects on one line, no newline at the end", () => {
  assert.equal(
    printJson({ a: 1, b: [true, "x"], c: {}, d: [] }),
    '{\n    "a": 1,\n    "b": [\n        true,\n        "x"\n    ],\n    "c": {},\n    "d": []\n}',
  );
});

test("leaves undefined members out", () => {
  assert.equal(printJson({ code: 0, details: undefined }), '{\n    "code": 0\n}');
});

test("escapes what Go escapes", () => {
  assert.equal(printJsonLine("<a & b>\u2028\u2029"), '"\\u003ca \\u0026 b\\u003e\\u2028\\u2029"');
  assert.equal(printJsonLine('"\\/\b\f\n\r\t\u0001ä'), '"\\"\\\\/\\b\\f\\n\\r\\t\\u0001ä"');
});
