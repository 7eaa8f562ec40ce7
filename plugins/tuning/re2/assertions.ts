import type { Holds } from "./automaton.ts";

export const newline = 0x0a;

/** RE2's syntax, "empty strings"; the single letters are its escapes. */
export const assertions = {
  A: (before) => before === undefined,
  z: (_before, after) => after === undefined,
  b: (before, after) => isWord(before) !== isWord(after),
  B: (before, after) => isWord(before) === isWord(after),
  lineBegin: (before) => before === undefined || before === newline,
  lineEnd: (_before, after) => after === undefined || after === newline,
} satisfies Record<string, Holds>;

/** ASCII only. */
function isWord(codePoint: number | undefined): boolean {
  return codePoint !== undefined && /\w/.test(String.fromCodePoint(codePoint));
}
