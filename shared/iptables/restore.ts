import { closeSync } from "node:fs";
import type { Child } from "../linux/child.ts";
import { unlock } from "../linux/flock.ts";
import { lockIfPossible, openLockFile, Patience } from "../linux/lock-file.ts";
import { type Outcome, requireIptables, startProgram } from "./program.ts";
import { quoteWord } from "./rule.ts";
import type { Family } from "./which.ts";

/**
 * Only our own processes take this lock, so that each sees the changes of the one before it. An iptables-restore holds
 * it too: when its plugin is killed, the DEL that follows waits until iptables-restore has ended.
 */
export const lockFile = "/run/cni-iptables.lock";
const lockPatience = new Patience(3_000, 30_000);

export type Purpose = "reading" | "changing";

/** Chains of a table, or with none named all of them. */
export interface Question {
  readonly table: "nat" | "filter";
  readonly chains: readonly string[];
}

function covers(asked: Question, { table, chains }: Question): boolean {
  if (asked.table !== table || chains.length === 0) return asked.table === table && asked.chains.length === 0;
  return asked.chains.length === 0 || chains.every((chain) => asked.chains.includes(chain));
}

/** A change waits for iptables-legacy's lock as long as it takes; reading gives up, for iptables-save takes none. */
const waiting = { reading: "--wait=1", changing: "--wait" } as const;

/**
 * End marker. With --verbose iptables-restore echoes comments, so this line means that all before it is done. It is
 * padded to 8 KiB to make the C library flush it; lines over 10 kB are rejected.
 */
const doneLine = "# done ";
const doneText = `${doneLine}${"-".repeat(8191 - doneLine.length)}\n`;

/** Limit for an iptables-restore that echoes no comments. */
const patienceMilliseconds = 2_000;

/** So much fits into a pipe, so that neither end waits for the other. */
const pipeCapacity = 32 * 1024;

/**
 * An iptables-restore that reads chains and changes rules, one after the other. Its start takes longer than its work, so
 * one process does both, and it may be started before its task is known. After a refusal it ends, and the next task
 * starts another one.
 */
export class Restore {
  readonly purpose: Purpose;
  readonly #family: Family;
  readonly #lockFd: number | undefined;
  #program: Child | undefined;
  /** The input so far. */
  #input = "";
  #asked: Question | undefined;
  #mayStillWork = false;

  /** For changes it opens the lock file, but does not lock it. */
  constructor(family: Family, purpose: Purpose) {
    this.#family = family;
    this.purpose = purpose;
    this.#lockFd = purpose === "changing" ? openLockFile(lockFile) : undefined;
  }

  /** Starts the program. Throws Failure `missing`. */
  start(): void {
    this.#program ??= this.#run();
  }

  /** Waits until no other process of ours changes rules. The lock only saves retries, so the wait is limited. */
  lock(): void {
    lockIfPossible(this.#lockFd, lockPatience);
  }

  /** Asks for a list of chains, which `list` returns later. Throws Failure `missing`. */
  ask({ table, chains }: Question): void {
    const commands = chains.length === 0 ? ["-S"] : chains.map((chain) => `-S ${quoteWord(chain)}`);
    this.#give([`*${table}`, ...commands, "COMMIT", ""].join("\n"));
    this.#asked = { table, chains };
  }

  /**
   * The output of `iptables -S` for chains of one table (for all when none is named), and perhaps for further ones that
   * `ask` named; undefined when one does not exist, or when this iptables cannot list within iptables-restore.
   *
   * @throws Failure `missing`
   */
  list(question: Question): string | undefined {
    if (this.#asked !== undefined && !covers(this.#asked, question)) this.#answer();
    if (this.#asked === undefined) this.ask(question);
    return this.#answer();
  }

  /** Starts a transaction; `finish` waits for it. Throws Failure `missing`. */
  begin(transaction: string): void {
    if (transaction.length <= pipeCapacity) {
      this.#give(transaction);
      return;
    }
    this.#leave();
    this.#input = transaction + doneText;
    this.#program = this.#run(this.#input);
  }

  /** Waits until the transaction is applied or refused, but not for the end of a program that has applied it. */
  finish(): Outcome & { readonly input: string } {
    const input = this.#input;
    if (this.#program?.readUntil(doneLine, patienceMilliseconds) === undefined)
      return { ...this.#end(), input };
    // Its input must not end earlier: while it closes its socket, the kernel blocks all removals of links.
    this.#leave();
    this.#mayStillWork = true;
    return { status: 0, stdout: "", stderr: "", input };
  }

  /** Ends the program's input, and releases the lock. */
  close(): void {
    this.#leave();
    if (this.#lockFd === undefined) return;
    // The program holds it as well.
    if (this.#mayStillWork) unlock(this.#lockFd);
    closeSync(this.#lockFd);
  }

  #answer(): string | undefined {
    const text = this.#program?.readUntil(doneLine, patienceMilliseconds);
    if (text === undefined) this.#end();
    this.#asked = undefined;
    return text;
  }

  #give(text: string): void {
    if (this.#program?.takesInput === false) this.#leave();
    this.start();
    this.#program?.write(text + doneText);
    this.#input += text + doneText;
  }

  #run(input?: string): Child {
    const heldFds = this.#lockFd === undefined ? [] : [this.#lockFd];
    const args = ["--noflush", waiting[this.purpose], "--verbose"];
    const program = requireIptables(this.#family);
    return startProgram(program, args, { heldFds, ...(input !== undefined && { input }) });
  }

  #leave(): void {
    this.#program?.leave();
    this.#program = undefined;
    this.#input = "";
  }

  #end(): Outcome {
    const outcome = this.#program?.finish() ?? { status: null, stdout: "", stderr: "" };
    this.#program = undefined;
    this.#input = "";
    return outcome;
  }
}
