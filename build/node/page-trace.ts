/**
 * `node build/node/page-trace.ts FILE EXECUTABLE ARGUMENT…`: runs a program and appends to a file the addresses of the
 * pages of its executable that it has mapped in the end, a line each. Its status is the program's. Needs root.
 */
import { spawn } from "node:child_process";
import { appendFileSync, closeSync, openSync, readFileSync, readSync } from "node:fs";
import { call } from "../../shared/linux/libc.ts";

// linux/ptrace.h
const PTRACE_CONT = 7;
const PTRACE_SEIZE = 0x4206;
const PTRACE_O_TRACEEXIT = 0x40;
const PTRACE_EVENT_EXIT = 6;
const PTRACE_EVENT_STOP = 128;
const SIGTRAP = 5;
const SIGCONT = 18;
const SIGSTOP = 19;
const WALL = 0x4000_0000;
const WUNTRACED = 2;

const pageSize = 4096;

const ptrace = "long ptrace(long request, int pid, uint64_t address, uint64_t data)";
const waitpid = "int waitpid(int pid, void *status, int options)";
const kill = "int kill(int pid, int signal)";

const [output = "", ...command] = process.argv.slice(2);
const { pid = -1 } = spawn("sh", ["-c", 'kill -STOP $$; exec "$@"', "sh", ...command], { stdio: "inherit" });
// Nothing below returns to the event loop, which would wait for the program as well.
if (waitFor(WUNTRACED).stop !== SIGSTOP) throw new Error("the shell did not stop");
check("seize the program", call(ptrace, PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEEXIT));
check("continue the program", call(kill, pid, SIGCONT));
for (;;) {
  const { exit, stop, event } = waitFor(WALL);
  if (exit !== undefined) process.exit(exit);
  if (event === PTRACE_EVENT_EXIT) appendFileSync(output, mappedPages());
  const isOwn = event === PTRACE_EVENT_EXIT || event === PTRACE_EVENT_STOP || stop === SIGTRAP;
  check("continue the program", call(ptrace, PTRACE_CONT, pid, 0, isOwn ? 0 : stop));
}

/** How the program ended or stopped: bits/waitstatus.h. */
function waitFor(options: number): { exit?: number; stop: number; event: number } {
  const status = new Int32Array(1);
  check("wait for the program", call(waitpid, pid, new Uint8Array(status.buffer), options));
  const [word = 0] = status;
  if ((word & 0x7f) === 0) return { exit: (word >> 8) & 0xff, stop: 0, event: 0 };
  if ((word & 0xff) !== 0x7f) return { exit: 128 + (word & 0x7f), stop: 0, event: 0 };
  return { stop: (word >> 8) & 0xff, event: word >> 16 };
}

function check(what: string, result: number): void {
  if (result < 0) throw new Error(`cannot ${what}: errno ${-result}`);
}

/** Pages of the executable that are not written to. */
function mappedPages(): string {
  const pagemap = openSync(`/proc/${pid}/pagemap`, "r");
  const mappings = readFileSync(`/proc/${pid}/maps`, "latin1").split("\n");
  // The executable comes first.
  const path = mappings[0]?.split(/\s+/)[5] ?? "";
  try {
    return mappings
      .filter((line) => line.endsWith(` ${path}`) && / r-/.test(line))
      .flatMap((line) => {
        const [start = 0, end = 0] = line.split(/[- ]/, 2).map((text) => Number.parseInt(text, 16));
        const words = Buffer.alloc(((end - start) / pageSize) * 8);
        readSync(pagemap, words, 0, words.length, (start / pageSize) * 8);
        const pages = Array.from({ length: words.length / 8 }, (_none, index) => index);
        return pages
          .filter((index) => (words[index * 8 + 7] ?? 0) >= 0x80)
          .map((index) => start + index * pageSize);
      })
      .map((page) => `${page.toString(16)}\n`)
      .join("");
  } finally {
    closeSync(pagemap);
  }
}
