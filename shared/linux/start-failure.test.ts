import assert from "node:assert/strict";
import { test } from "node:test";
import { SystemError } from "../errors/system-error.ts";
import { isNoProgram, startFailure } from "./start-failure.ts";

test("only a missing or unfit file means that there is no program", () => {
  const no = (errno: string) => isNoProgram(new SystemError("cannot run /bin/x", errno));
  assert.deepEqual(["ENOENT", "ENOEXEC"].map(no), [true, true]);
  const others = ["EAGAIN", "ENOMEM", "EMFILE", "ENFILE", "EPERM", "EACCES", "ETXTBSY"];
  assert.ok(!others.some(no));
});

test("what has run out is for a later try, what is forbidden is the kernel's refusal; both name the errno", () => {
  const failure = (operation: string, errno: string) =>
    startFailure("/bin/x", new SystemError(operation, errno));
  const full = failure("cannot run /bin/x", "EAGAIN");
  assert.deepEqual([full.kind, full.message], ["busy", "cannot run /bin/x: EAGAIN"]);
  const memory = failure("cannot make a file in memory", "ENOMEM");
  assert.equal(memory.kind, "busy");
  assert.match(memory.message, /^cannot run \/bin\/x: cannot make a file in memory: ENOMEM/);
  const forbidden = failure("cannot make a file in memory", "EPERM");
  assert.equal(forbidden.kind, "refused");
  assert.match(forbidden.advice ?? "", /^the program is there/);
});
