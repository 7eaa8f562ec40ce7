import assert from "node:assert/strict";
import { test } from "node:test";
import { programFailure } from "./program.ts";
import { IptablesUnavailable } from "./unavailable.ts";
import { searchPath } from "./which.ts";

test("programs are searched in PATH first, then where administrators' programs are", () => {
  assert.deepEqual(searchPath("/opt/bin:/usr/sbin"), [
    ...["/opt/bin", "/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin", "/bin"],
  ]);
  assert.equal(searchPath(undefined)[0], "/usr/sbin");
});

test("a relative directory in PATH is not trusted", () => {
  assert.deepEqual(searchPath(".::bin"), searchPath(undefined));
});

test("a failure tells first what the program said, without its boilerplate", () => {
  const stderr =
    "# Warning: iptables-legacy tables present\niptables-restore v1.8.9: bad port\n" +
    "Try `iptables-restore -h' or 'iptables-restore --help' for more information.\n";
  const failure = programFailure(
    "iptables refused the rules",
    { file: "/usr/sbin/iptables-restore" },
    {
      status: 2,
      stdout: "",
      stderr,
    },
  );
  assert.equal(failure.kind, "failed");
  assert.equal(failure.message, "iptables refused the rules: iptables-restore v1.8.9: bad port");
  assert.equal(failure.advice, "/usr/sbin/iptables-restore: exit status 2");
  assert.ok(!(failure instanceof IptablesUnavailable));
});

test("a kernel without the table is told apart from a failure that a retry may mend", () => {
  const stderr =
    "ip6tables-save v1.8.9 (legacy): Cannot initialize: Table does not exist (do you need to insmod?)";
  const failure = programFailure("read", { file: "ip6tables-save" }, { status: 1, stdout: "", stderr });
  assert.ok(failure instanceof IptablesUnavailable);
});
