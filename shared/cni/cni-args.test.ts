import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCniArgs } from "./cni-args.ts";

test("known keys, in any order, the last of a repeated key", () => {
  assert.deepEqual(parseCniArgs("", ["MAC"]), {});
  assert.deepEqual(parseCniArgs("MAC=a;IP=b", ["IP", "MAC"]), { MAC: "a", IP: "b" });
  assert.deepEqual(parseCniArgs("MAC=a;MAC=", ["MAC"]), { MAC: "" });
});

test("unknown keys only with IgnoreUnknown, wherever that stands", () => {
  const cri = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=x;MAC=a";
  assert.deepEqual(parseCniArgs(cri, ["MAC"]), { MAC: "a" });
  assert.deepEqual(parseCniArgs("A=1;IgnoreUnknown=TRUE", []), {});
  assert.throws(() => parseCniArgs("K8S=1;MAC=a;B=2", ["MAC"]), {
    code: 4,
    message: 'ARGS: unknown args ["K8S=1" "B=2"]',
  });
  assert.throws(() => parseCniArgs("A=1;IgnoreUnknown=0", []), { code: 4 });
  assert.throws(() => parseCniArgs("mac=1", ["MAC"]), { message: 'ARGS: unknown args ["mac=1"]' });
});

test("malformed pairs", () => {
  const cases = { none: "none", "MAC=a;": "", "MAC=a=b": "MAC=a=b", ";": "" };
  for (const [text, pair] of Object.entries(cases)) {
    const message = `ARGS: invalid pair "${pair}"`;
    assert.throws(() => parseCniArgs(text, ["MAC"]), { code: 4, message }, text);
  }
  assert.throws(() => parseCniArgs("IgnoreUnknown=x", []), {
    code: 4,
    message: /error parsing value of pair "IgnoreUnknown=x"/,
  });
});
