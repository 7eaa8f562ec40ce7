import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode, type Message } from "./protobuf.ts";

const port: Message = { protocol: [1, "int"], hostPort: [3, "int"] };
const pod: Message = {
  name: [1, "string"],
  ports: [2, port, "repeated"],
  labels: [3, "map"],
  ready: [4, "bool"],
};
const value = {
  name: "wéb",
  ports: [
    { protocol: 1, hostPort: 8080 },
    { protocol: 0, hostPort: 1 },
  ],
  labels: { a: "b", c: "" },
  ready: true,
};

test("what is encoded is decoded again", () => {
  assert.deepEqual(decode(pod, encode(pod, value)), value);
});

test("bytes as the manual of Protocol Buffers has them", () => {
  assert.equal(encode({ a: [1, "int"] }, { a: 150 }).toString("hex"), "089601");
  assert.equal(encode({ b: [2, "string"] }, { b: "testing" }).toString("hex"), "120774657374696e67");
});

test("what is absent has its default, unknown fields are left out", () => {
  assert.deepEqual(decode(pod, Buffer.alloc(0)), { name: "", ports: [], labels: {}, ready: false });
  assert.deepEqual(decode({ ready: [4, "bool"] }, encode(pod, value)), { ready: true });
});
