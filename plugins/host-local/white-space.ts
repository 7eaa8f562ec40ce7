// Go's unicode.IsSpace, by which the Go plugin trims and splits; JavaScript's \s differs in U+0085 and U+FEFF.
const space = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;
const between = new RegExp(`${space.source}+`);

/** Without white space at both ends. (An expression for that at the end is tried at each place of a long text.) */
export function trimSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && space.test(text.charAt(start))) start++;
  while (end > start && space.test(text.charAt(end - 1))) end--;
  return text.slice(start, end);
}

/** The words of a line. */
export function splitWords(line: string): string[] {
  const trimmed = trimSpace(line);
  return trimmed === "" ? [] : trimmed.split(between);
}
