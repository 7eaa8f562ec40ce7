import { dirname } from "node:path";
import { standardPath } from "../harness/host/command.ts";
import type { Stdin } from "./call-step.ts";

/**
 * A call as shell lines that can be pasted into the host (`nsenter`), to repeat it; `under` are the words before the
 * executable.
 */
export function callByHand(
  bin: string,
  env: Record<string, string>,
  stdin: Stdin,
  under: readonly string[] = [],
): string {
  const variables = Object.entries(env)
    .filter(([name, value]) => name !== "PATH" || value !== standardPath)
    .map(([name, value]) => `${name}=${quoted(value)}`);
  const run = `env ${[...variables, ...[...under, bin].map(quoted)].join(" ")}`;
  if (typeof stdin === "string") return `printf %s ${quoted(stdin)} | ${run}`;
  if ("hex" in stdin) return `printf ${hexBytes(stdin.hex)} | ${run}`;
  const parts = stdin.map((part) =>
    typeof part === "string"
      ? `printf %s ${quoted(part)};`
      : `for i in $(seq ${part.times}); do printf %s ${quoted(part.repeat)}; done;`,
  );
  return `{ ${parts.join(" ")} } | ${run}`;
}

/** A command as a shell line. */
export function commandByHand(argv: readonly string[], netns?: string): string {
  const line = argv.map(quoted).join(" ");
  return netns === undefined ? line : `ip netns exec ${quoted(netns)} ${line}`;
}

/** A file of the host as shell lines that write it, with the folders above it. */
export function writeByHand(path: string, content: string, mode?: number): string {
  const lines = [`mkdir -p ${quoted(dirname(path))}`, `printf %s ${quoted(content)} > ${quoted(path)}`];
  if (mode !== undefined) lines.push(`chmod ${mode.toString(8)} ${quoted(path)}`);
  return lines.join(" && ");
}

/** A word as a shell reads it: as it is, or between single quotes. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function hexBytes(hex: string): string {
  return `'${hex.replace(/../g, "\\x$&")}'`;
}
