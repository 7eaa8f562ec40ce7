import type { Accepts } from "./automaton.ts";

/** Code points from the first to the last, both included. */
type Ranges = readonly (readonly [first: number, last: number])[];

const digit: Ranges = [[0x30, 0x39]];
const upper: Ranges = [[0x41, 0x5a]];
const lower: Ranges = [[0x61, 0x7a]];
const alpha: Ranges = [...upper, ...lower];
const word: Ranges = [...digit, ...upper, [0x5f, 0x5f], ...lower];

/** `[:name:]` inside a class (RE2 syntax, "ASCII character classes"). */
const posixClasses: Readonly<Record<string, Ranges>> = {
  alnum: [...digit, ...alpha],
  alpha,
  ascii: [[0, 0x7f]],
  blank: [
    [0x09, 0x09],
    [0x20, 0x20],
  ],
  cntrl: [
    [0, 0x1f],
    [0x7f, 0x7f],
  ],
  digit,
  graph: [[0x21, 0x7e]],
  lower,
  print: [[0x20, 0x7e]],
  punct: [
    [0x21, 0x2f],
    [0x3a, 0x40],
    [0x5b, 0x60],
    [0x7b, 0x7e],
  ],
  space: [
    [0x09, 0x0d],
    [0x20, 0x20],
  ],
  upper,
  word,
  xdigit: [...digit, [0x41, 0x46], [0x61, 0x66]],
};

/** `\d`, `\s`, `\w`: ASCII only, and without the vertical tab that JavaScript's `\s` has. */
const perlClasses: Readonly<Record<string, Ranges>> = {
  d: digit,
  s: [
    [0x09, 0x0a],
    [0x0c, 0x0d],
    [0x20, 0x20],
  ],
  w: word,
};

/** A part of a class in brackets. */
export interface ClassPart {
  /** Its code points, as in a class of a JavaScript expression. */
  readonly source: string;
  /** True when the part stands for all other code points. */
  readonly negated: boolean;
}

/** The part for `[:name:]` or `[:^name:]`; undefined when there is no such class. */
export function posixClass(name: string): ClassPart | undefined {
  const negated = name.startsWith("^");
  const plain = negated ? name.slice(1) : name;
  const ranges = Object.hasOwn(posixClasses, plain) ? posixClasses[plain] : undefined;
  return ranges && { source: sourceOf(ranges), negated };
}

/** The part for `\d`, `\D` and the like, by its letter; undefined for other letters. */
export function perlClass(letter: string): ClassPart | undefined {
  const ranges = perlClasses[letter.toLowerCase()];
  return ranges && { source: sourceOf(ranges), negated: letter !== letter.toLowerCase() };
}

/** The part for `\p{name}` or (negated) `\P{name}`; undefined when the name is no general category and no script. */
export function unicodeClass(name: string, negated: boolean): ClassPart | undefined {
  const inverted = name.startsWith("^");
  const plain = inverted ? name.slice(1) : name;
  if (!/^[A-Za-z_]+$/.test(plain)) return undefined;
  const property = plain === "Any" || /^[A-Z][a-z]?$/.test(plain) ? plain : `Script=${plain}`;
  const source = `\\p{${property}}`;
  try {
    new RegExp(source, "u");
    return { source, negated: negated !== inverted };
  } catch {
    return undefined;
  }
}

/** The part for the code points from the first to the last, both included. */
export function range(first: number, last: number): ClassPart {
  return { source: sourceOf([[first, last]]), negated: false };
}

/**
 * A function that is true for the code points of one of the parts. If case is ignored, a negated part has the code points
 * of which neither case is in the part, as in Go.
 */
export function anyOf(parts: readonly ClassPart[], ignoreCase: boolean): Accepts {
  const inside = (sources: string): RegExp => new RegExp(`[${sources}]`, ignoreCase ? "iu" : "u");
  const sources = parts.filter(({ negated }) => !negated).map(({ source }) => source);
  const plain = inside(sources.join(""));
  const others = parts.filter(({ negated }) => negated).map(({ source }) => inside(source));
  return (codePoint) => {
    const text = String.fromCodePoint(codePoint);
    return plain.test(text) || others.some((other) => !other.test(text));
  };
}

/** The inside of a JavaScript class (flag u) with these code points. */
function sourceOf(ranges: Ranges): string {
  return ranges.map(([first, last]) => `\\u{${first.toString(16)}}-\\u{${last.toString(16)}}`).join("");
}
