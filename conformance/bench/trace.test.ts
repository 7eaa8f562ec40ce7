import assert from "node:assert/strict";
import { test } from "node:test";
import { countTrace } from "./trace.ts";

test("processes, programs and system calls are counted, threads and second lines are not", () => {
  const trace = [
    '10    execve("/opt/cni/bin/bridge", ["bridge"], 0x7ffd /* 5 vars */) = 0',
    "10    clone3({flags=CLONE_VM|CLONE_FS|CLONE_THREAD, exit_signal=0} => {parent_tid=[11]}, 88) = 11",
    "10    vfork( <unfinished ...>",
    '12    execve("/usr/bin/nft", ["nft"], 0x7ffd /* 5 vars */ <unfinished ...>',
    "10    <... vfork resumed>)              = 12",
    "12    <... execve resumed>)             = 0",
    '12    execve("/none", ["none"], NULL) = -1 ENOENT (No such file or directory)',
    "12    exit_group(0)                     = ?",
    "12    +++ exited with 0 +++",
    "10    --- SIGCHLD {si_signo=SIGCHLD} ---",
    "10    wait4(12, NULL, 0, NULL)          = 12",
    "",
  ].join("\n");
  assert.deepEqual(countTrace(trace), { processes: 2, programs: 2, systemCalls: 7 });
});
