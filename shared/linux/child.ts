import { closeSync, fstatSync, readSync, writeSync } from "node:fs";
import { nodeErrno, SystemError } from "../errors/system-error.ts";
import { childLeft, childStarted, isReadable, waitForChild } from "./children.ts";

/** How a program ended, and what it printed. */
export interface ChildOutcome {
  /** Exit status; null when a signal ended it. */
  readonly status: number | null;
  /** Number of the signal that ended it; null when it exited. */
  readonly signal: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Our ends of a program's standard files. */
interface ChildFiles {
  /** Undefined when its whole input was known at the start. */
  readonly stdin: number | undefined;
  readonly stdout: number;
  readonly stderr: number;
}

/** A program that runs. `finish` or `leave` comes last, and once. */
export class Child {
  readonly #pid: number;
  readonly #files: ChildFiles;
  /** Used again and again: a pipe gives a few kilobytes at a time, of megabytes on a busy host. */
  #buffer = Buffer.allocUnsafe(65536);
  #length = 0;
  /** Bytes of the buffer that were returned. */
  #told = 0;
  #takesInput: boolean;

  constructor(pid: number, files: ChildFiles) {
    this.#pid = pid;
    this.#files = files;
    this.#takesInput = files.stdin !== undefined;
    childStarted(pid);
  }

  get takesInput(): boolean {
    return this.#takesInput;
  }

  /** Writes to its stdin. Input that it has not read when it exits is lost. */
  write(text: string): void {
    const { stdin } = this.#files;
    if (stdin === undefined || !this.#takesInput) throw new Error("its input has ended");
    const bytes = Buffer.from(text);
    try {
      for (let written = 0; written < bytes.length; ) written += writeSync(stdin, bytes, written);
    } catch (error) {
      if (nodeErrno(error) !== "EPIPE") throw error;
    }
  }

  /** Closes its stdin. */
  endInput(): void {
    if (this.#takesInput && this.#files.stdin !== undefined) closeSync(this.#files.stdin);
    this.#takesInput = false;
  }

  /**
   * Waits for a line of its output with this beginning. Returns the lines before it, or undefined when none comes.
   *
   * @param patienceMilliseconds after so long without output its input ends, or we deadlock with a program that never
   * prints the line.
   */
  readUntil(beginning: string, patienceMilliseconds: number): string | undefined {
    for (let searched = 0; ; ) {
      const text = this.#buffer.subarray(this.#told, this.#length);
      const at = lineAt(text, beginning, searched);
      if (at !== undefined) {
        this.#told += at + beginning.length;
        return text.toString("utf8", 0, at);
      }
      // The end may be a part of it.
      searched = Math.max(0, text.length - beginning.length);
      if (this.#takesInput && !isReadable(this.#files.stdout, patienceMilliseconds)) this.endInput();
      if (!this.#read()) return undefined;
    }
  }

  /** Ends its input and waits for its end. Returns the output that was not returned yet. Throws SystemError. */
  finish(): ChildOutcome {
    try {
      this.endInput();
      while (this.#read());
      const stdout = this.#buffer.toString("utf8", this.#told, this.#length);
      return { ...this.#wait(), stdout, stderr: contentOf(this.#files.stderr) };
    } finally {
      this.#close();
    }
  }

  /** Ends its input and does not wait now, since its work is done; `exit` waits before this process ends. */
  leave(): void {
    // While it waits for input its sockets are open.
    childLeft(this.#pid);
    this.endInput();
    this.#close();
  }

  #read(): boolean {
    if (this.#length === this.#buffer.length) this.#buffer = Buffer.concat([this.#buffer], 2 * this.#length);
    const free = this.#buffer.length - this.#length;
    const read = readSync(this.#files.stdout, this.#buffer, this.#length, free, null);
    this.#length += read;
    return read > 0;
  }

  #wait(): Pick<ChildOutcome, "status" | "signal"> {
    const word = waitForChild(this.#pid);
    if (word < 0) throw new SystemError("cannot wait for a program", word);
    // bits/waitstatus.h
    const signal = word & 0x7f;
    return signal === 0 ? { status: (word >>> 8) & 0xff, signal: null } : { status: null, signal };
  }

  #close(): void {
    closeSync(this.#files.stdout);
    closeSync(this.#files.stderr);
  }
}

/** The place of the first line with this beginning. Apart from the first line, none before `from` has it. */
function lineAt(text: Buffer, beginning: string, from: number): number | undefined {
  if (text.toString("latin1", 0, beginning.length) === beginning) return 0;
  const end = text.indexOf(`\n${beginning}`, from);
  return end === -1 ? undefined : end + 1;
}

function contentOf(fd: number): string {
  const content = Buffer.alloc(fstatSync(fd).size);
  if (content.length > 0) readSync(fd, content, 0, content.length, 0);
  return content.toString("utf8");
}
