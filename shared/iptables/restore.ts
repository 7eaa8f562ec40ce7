import { closeSync } from "node:fs";
import type { Child } from "../linux/child.ts";
import { unlock } from "../linux/flock.ts";
import { lockIfPossible, openLockFile, Patience } from "../linux/lock-file.ts";
import { type Outcome, requireIptables, startProgram } from "./program.ts";
import { quoteWord } from "./rule.ts";
import type { Family } from "./which.ts";

/**
 * Only our own processes take it, so that each sees what the one before it has made. An iptables-restore holds it
 * too: when its plugin is killed, the DEL that follows waits for what is still under way.
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
 * By this comment, which iptables-restore repeats (--verbose), it says that what comes before is done. With the rest of
 * its line it fills more than one block of the C library's buffer, so that it is written at once; the program takes no
 * line that is longer than 10 kB.
 */
const doneLine = "# done ";
const doneText = `${doneLine}${"-".repeat(8191 - doneLine.length)}\n`;

/** For an iptables-restore that repeats no comments. */
const patienceMilliseconds = 2_000;

/** What fits into a pipe, so that neither end waits for the other in vain. */
const pipeCapacity = 32 * 1024;

/**
 * An iptables-restore that reads chains and changes rules, one after the other. Its start takes longer than what it does
 * then, so there is one for both, and it may be started before it is known what it is to do. It ends when it refuses
 * something; another one is started then.
 */
export class Restore {
  readonly purpose: Purpose;
  readonly #family: Family;
  readonly #lockFd: number | undefined;
  #program: Child | undefined;
  /** What the program was given. */
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

  /** Waits until no other of our processes makes a change. Every change is right without, so it only waits so long. */
  lock(): void {
    lockIfPossible(this.#lockFd, lockPatience);
  }

  /** Has chains listed for a `list` later. Throws Failure `missing`. */
  ask({ table, chains }: Question): void {
    const commands = chains.length === 0 ? ["-S"] : chains.map((chain) => `-S ${quoteWord(chain)}`);
    this.#give([`*${table}`, ...commands, "COMMIT", ""].join("\n"));
    this.#asked = { table, chains };
  }

  /**
   * What `iptables -S` prints of chains of one table, or of all with none named, and perhaps of further ones that were
   * asked for; undefined when one does not exist, and when this iptables does not list within iptables-restore.
   *
   * @throws Failure `missing`
   */
  list(question: Question): string | undefined {
    if (this.#asked !== undefined && !covers(this.#asked, question)) this.#answer();
    if (this.#asked === undefined) this.ask(question);
    return this.#answer();
  }

  /** Has a transaction made; `finish` waits for it. Throws Failure `missing`. */
  begin(transaction: string): void {
    if (transaction.length <= pipeCapacity) {
      this.#give(transaction);
      return;
    }
    this.#leave();
    this.#input = transaction + doneText;
    this.#program = this.#run(this.#input);
  }

  /** Waits until the transaction is made or refused. The end of a program that has made it is not waited for. */
  finish(): Outcome & { readonly input: string } {
    const input = this.#input;
    if (this.#program?.readUntil(doneLine, patienceMilliseconds) === undefined)
      return { ...this.#end(), input };
    // Not sooner: while its socket is closed, the kernel lets nobody remove a link.
    this.#leave();
    this.#mayStillWork = true;
    return { status: 0, stdout: "", stderr: "", input };
  }

  /** Lets the program end, and others make changes. */
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
