import type { Stdin } from "./scenario.ts";

/** A call as shell lines that can be pasted into the host (`nsenter`), to repeat it. */
export function callByHand(bin: string, env: Record<string, string>, stdin: Stdin): string {
  const variables = Object.entries(env)
    .filter(([name]) => name !== "PATH")
    .map(([name, value]) => `${name}=${quoted(value)}`);
  const run = `env ${[...variables, quoted(bin)].join(" ")}`;
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

/** A word as a shell reads it: as it is, or between single quotes. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function hexBytes(hex: string): string {
  return `'${hex.replace(/../g, "\\x$&")}'`;
}
