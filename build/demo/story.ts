/** Tells what the demo does: numbered steps, the commands in them, what they print, and how each step ended. */
import { performance } from "node:perf_hooks";

const colours = process.stdout.isTTY === true && process.env["NO_COLOR"] === undefined;
const bold = (text: string): string => (colours ? `\x1b[1m${text}\x1b[0m` : text);
const dim = (text: string): string => (colours ? `\x1b[2m${text}\x1b[0m` : text);
const green = (text: string): string => (colours ? `\x1b[32m${text}\x1b[0m` : text);
const red = (text: string): string => (colours ? `\x1b[31m${text}\x1b[0m` : text);

const shownLines = 14;

export class Story {
  #steps = 0;
  #title = "";
  readonly #start = performance.now();

  /** One step: `work` returns what was seen, for the tick. What it throws passes through. */
  async step(title: string, work: () => string | Promise<string>): Promise<void> {
    this.#steps += 1;
    this.#title = title;
    console.log(`\n${bold(`${this.#steps}. ${title}`)}`);
    console.log(`   ${green("✓")} ${await work()}`);
  }

  say(text: string): void {
    console.log(text);
  }

  /** A command that is about to run; what `ended` says comes on the same line. */
  command(text: string): void {
    process.stdout.write(`   $ ${text}`);
  }

  ended(note = ""): void {
    console.log(note === "" ? "" : dim(`  # ${note}`));
  }

  /** What a command printed; of long texts only the beginning. */
  output(text: string): void {
    const lines = text.trimEnd().split("\n");
    if (lines.length === 1 && lines[0] === "") return;
    for (const line of lines.slice(0, shownLines)) console.log(dim(`     ${line}`));
    if (lines.length > shownLines) console.log(dim(`     … ${lines.length - shownLines} more lines`));
  }

  end(summary: readonly string[]): void {
    const seconds = ((performance.now() - this.#start) / 1000).toFixed(1);
    console.log(`\n${bold(`All ${this.#steps} steps went well, in ${seconds} s.`)}`);
    for (const line of summary) console.log(line);
  }

  fail(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    const where = this.#steps === 0 ? "before the first step" : `in step ${this.#steps}, ${this.#title}`;
    console.log(`   ${red("✗")} ${bold(`failed ${where}`)}`);
    console.log(text.trimEnd().replaceAll(/^/gm, "     "));
  }
}

/** JSON with a line for each member of an object, and for each element where a member is a list of several. */
export function compactJson(object: Readonly<Record<string, unknown>>): string {
  const members = Object.entries(object).map(([key, value]) => {
    const elements = Array.isArray(value) ? value.map((element) => `    ${JSON.stringify(element)}`) : [];
    const text = elements.length < 2 ? JSON.stringify(value) : `[\n${elements.join(",\n")}\n  ]`;
    return `  ${JSON.stringify(key)}: ${text}`;
  });
  return `{\n${members.join(",\n")}\n}`;
}
