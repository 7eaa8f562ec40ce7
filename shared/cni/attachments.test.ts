import assert from "node:assert/strict";
import { test } from "node:test";
import { validAttachments, withListUnderBothNames } from "./attachments.ts";
import { isJsonObject, readJson } from "./json-read.ts";
import type { Request } from "./plugin.ts";

test("no list: nothing may be collected", () => {
  assert.equal(validAttachments({}), undefined);
});

test("an empty list: everything is stale, and libcni writes it as null", () => {
  for (const list of [[], null]) {
    assert.deepEqual(validAttachments({ "cni.dev/valid-attachments": list }), []);
    assert.deepEqual(validAttachments({ "cni.dev/attachments": list }), []);
    assert.deepEqual(
      validAttachments({ "cni.dev/valid-attachments": list, "cni.dev/attachments": list }),
      [],
    );
  }
});

test("a list counts beside a null", () => {
  const document = {
    "cni.dev/valid-attachments": null,
    "cni.dev/attachments": [{ containerID: "c1", ifname: "eth0" }],
  };
  assert.deepEqual(validAttachments(document), [{ containerId: "c1", ifname: "eth0" }]);
});

test("both names of the list", () => {
  const list = [{ containerID: "c1", ifname: "eth0" }];
  const wanted = [{ containerId: "c1", ifname: "eth0" }];
  assert.deepEqual(validAttachments({ "cni.dev/valid-attachments": list }), wanted);
  assert.deepEqual(validAttachments({ "cni.dev/attachments": list }), wanted);
});

test("a delegate gets the list under both names, and everything else as it was", () => {
  const list = '[{"containerID":"c1","ifname":"eth0"}]';
  const given = (text: string) => withListUnderBothNames(requestOf(text)).stdin.toString();
  const both = `"cni.dev/valid-attachments":${list},"cni.dev/attachments":${list}`;
  const unchanged = `{ "name": "n",  ${both} }`;
  assert.equal(given(unchanged), unchanged);
  assert.equal(
    given(`{"name":"é","n":1.0,"d":[true,null,"\\n"],"cni.dev/attachments":${list}}`),
    `{"name":"é","n":1.0,"d":[true,null,"\\n"],"cni.dev/attachments":${list},"cni.dev/valid-attachments":${list}}`,
  );
  assert.equal(
    given('{"cni.dev/valid-attachments":null}'),
    '{"cni.dev/valid-attachments":null,"cni.dev/attachments":null}',
  );
});

function requestOf(text: string): Request {
  const document = readJson(text);
  assert.ok(isJsonObject(document));
  const names = { containerId: "", netns: "", ifname: "", args: "", path: "", network: "n" };
  return {
    ...names,
    command: "GC",
    cniVersion: "1.1.0",
    stdin: Buffer.from(text),
    document,
    repeatedKeys: [],
  };
}

test("a malformed list is refused as a whole", () => {
  for (const list of ["x", {}, [1], [{ containerID: "c1" }], [{ containerID: 1, ifname: "eth0" }]]) {
    assert.throws(() => validAttachments({ "cni.dev/valid-attachments": list }), { code: 6 });
  }
});
