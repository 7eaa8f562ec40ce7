import { spawnSync } from "node:child_process";

/** The scripts that are within a Node binary, by name. */
export function scriptsOf(node: string): Readonly<Record<string, unknown>> {
  const program = 'process.stdout.write(JSON.stringify(process.binding("natives")))';
  const options = { env: {}, encoding: "utf8", maxBuffer: 2 ** 28 } as const;
  const { status, stdout, stderr } = spawnSync(node, ["--no-deprecation", "-e", program], options);
  if (status !== 0) throw new Error(`${node} does not run: ${stderr}`);
  return JSON.parse(stdout);
}

/**
 * Puts a text in the place of a script of a Node binary: the rest of that place becomes blank, so nothing else of the
 * binary changes. Throws when the script is not there once, or is shorter than the text.
 */
export function replaceScript(binary: Buffer, name: string, script: unknown, text: string): void {
  if (typeof script !== "string") throw new Error(`this Node has no script ${name}`);
  const [before, after] = [Buffer.from(script, "latin1"), Buffer.from(text, "latin1")];
  const at = binary.indexOf(before);
  if (at === -1 || binary.indexOf(before, at + 1) !== -1) {
    throw new Error(`the script ${name} is not in this Node binary once`);
  }
  if (after.length > before.length) throw new Error(`what replaces the script ${name} is longer than it`);
  binary.fill(" ", at, at + before.length);
  after.copy(binary, at);
}
