// Go's unicode.IsSpace, by which the Go plugin trims and splits; JavaScript's \s differs in U+0085 and U+FEFF.
const space = "[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+";
const leading = new RegExp(`^${space}`);
const trailing = new RegExp(`${space}$`);
const between = new RegExp(space);

/** Without white space at both ends. */
export function trimSpace(text: string): string {
  return text.replace(leading, "").replace(trailing, "");
}

/** The words of a line. */
export function splitWords(line: string): string[] {
  const trimmed = trimSpace(line);
  return trimmed === "" ? [] : trimmed.split(between);
}
