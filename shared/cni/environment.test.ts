import assert from "node:assert/strict";
import { test } from "node:test";
import { isIdentifier, readEnvironment } from "./environment.ts";

const complete = {
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/run/netns/x",
  CNI_IFNAME: "eth0",
  CNI_PATH: "/opt/cni/bin",
};

function refusal(changes: Record<string, string>): string {
  try {
    readEnvironment({ ...complete, ...changes });
  } catch (error) {
    assert.ok(error instanceof Error && "code" in error);
    assert.equal(error.code, 4);
    return error.message;
  }
  throw new Error("accepted");
}

test("reads the variables", () => {
  const environment = readEnvironment({ ...complete, CNI_ARGS: "MAC=x" });
  assert.deepEqual(environment, {
    command: "ADD",
    containerId: "c1",
    netns: "/run/netns/x",
    ifname: "eth0",
    args: "MAC=x",
    path: "/opt/cni/bin",
    netnsOverride: false,
  });
});

test("empty and unset variables are missing; all of them are named in a fixed order", () => {
  assert.throws(() => readEnvironment({ CNI_COMMAND: "ADD" }), {
    code: 4,
    message: "required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH] missing",
  });
  assert.equal(refusal({ CNI_NETNS: "" }), "required env variables [CNI_NETNS] missing");
  assert.equal(
    refusal({ CNI_COMMAND: "DEL", CNI_NETNS: "", CNI_PATH: "", CNI_CONTAINERID: "" }),
    "required env variables [CNI_CONTAINERID,CNI_PATH] missing",
  );
  for (const command of ["GC", "STATUS"]) {
    assert.throws(() => readEnvironment({ CNI_COMMAND: command }), {
      message: "required env variables [CNI_PATH] missing",
    });
  }
});

test("DEL needs no namespace; VERSION, no command and an unknown one need nothing", () => {
  assert.equal(readEnvironment({ ...complete, CNI_COMMAND: "DEL", CNI_NETNS: "" }).netns, "");
  for (const command of ["VERSION", "", "FOO"]) {
    assert.equal(readEnvironment({ CNI_COMMAND: command }).command, command);
  }
  assert.equal(readEnvironment({}).command, "");
});

test("container IDs", () => {
  for (const id of ["a", "0", "A.b_c-d", "x".repeat(300)]) {
    assert.equal(readEnvironment({ ...complete, CNI_CONTAINERID: id }).containerId, id);
  }
  for (const id of [".a", "-a", "_a", "a/b", "a b", "a\n", "ä", "a:b"]) {
    assert.equal(refusal({ CNI_CONTAINERID: id }), "invalid characters in containerID", JSON.stringify(id));
  }
});

test("interface names", () => {
  for (const name of ["eth0", "eth0.100", "a", "fifteen-bytes-x", "ä".repeat(7), "...", "\ufeff"]) {
    assert.equal(readEnvironment({ ...complete, CNI_IFNAME: name }).ifname, name);
  }
  for (const name of ["eth%d", "%", "a\u0001", "a\u007f", "eth\ufffd", "à"]) {
    assert.match(refusal({ CNI_IFNAME: name }), /cannot be given to a link: it /, name);
    assert.match(refusal({ CNI_COMMAND: "CHECK", CNI_IFNAME: name }), /cannot be given to a link: it /, name);
    assert.equal(readEnvironment({ ...complete, CNI_COMMAND: "DEL", CNI_IFNAME: name }).ifname, name);
  }
  for (const name of ["sixteen-bytes-xy", "ä".repeat(8)]) {
    assert.equal(refusal({ CNI_IFNAME: name }), "interface name is too long");
  }
  for (const name of [".", ".."]) assert.equal(refusal({ CNI_IFNAME: name }), "interface name is . or ..");
  for (const name of ["eth/0", "eth:0", "a b", "a\t", "a\n", "\u0085", "\u00a0", "\u2003", "\u3000"]) {
    const message = "interface name contains / or : or whitespace characters";
    assert.equal(refusal({ CNI_IFNAME: name }), message, JSON.stringify(name));
  }
});

test("an invalid value is reported before missing ones", () => {
  assert.equal(refusal({ CNI_NETNS: "", CNI_IFNAME: "eth/0" }), refusal({ CNI_IFNAME: "eth/0" }));
});

test("what a command does not need is not validated", () => {
  assert.equal(readEnvironment({ ...complete, CNI_COMMAND: "GC", CNI_IFNAME: "eth/0" }).command, "GC");
});

test("CNI_ARGS belongs to an attachment", () => {
  const argsFor = (command: string) =>
    readEnvironment({ ...complete, CNI_COMMAND: command, CNI_ARGS: "none" }).args;
  assert.deepEqual(["ADD", "CHECK", "DEL", "GC", "STATUS"].map(argsFor), ["none", "none", "none", "", ""]);
});

test("CNI_NETNS_OVERRIDE is 1 or true", () => {
  for (const [value, wanted] of Object.entries({
    "1": true,
    TRUE: true,
    tRue: true,
    yes: false,
    "0": false,
  })) {
    assert.equal(readEnvironment({ ...complete, CNI_NETNS_OVERRIDE: value }).netnsOverride, wanted, value);
  }
});

test("network names follow the rule of container IDs", () => {
  assert.equal(isIdentifier("mynet-1.2_3"), true);
  for (const name of ["", "a b", "../x", "a\n"]) assert.equal(isIdentifier(name), false, name);
});
