/** Code points from the first to the last, both included. */
export type Ranges = readonly (readonly [first: number, last: number])[];

const maxCodePoint = 0x10ffff;

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

/** What `[:name:]` or `[:^name:]` stands for; undefined when there is no such class. */
export function posixClass(name: string): string | undefined {
  const negated = name.startsWith("^");
  const plain = negated ? name.slice(1) : name;
  const ranges = Object.hasOwn(posixClasses, plain) ? posixClasses[plain] : undefined;
  return ranges && classBody(negated ? complement(ranges) : ranges);
}

/** What `\d`, `\D` and the like stand for, given the letter; undefined for other letters. */
export function perlClass(letter: string): string | undefined {
  const ranges = perlClasses[letter.toLowerCase()];
  return ranges && classBody(letter === letter.toLowerCase() ? ranges : complement(ranges));
}

/** What `\p{name}` or (negated) `\P{name}` stands for: a general category or a script; undefined for others. */
export function unicodeClass(name: string, negated: boolean): string | undefined {
  const inverted = name.startsWith("^");
  const plain = inverted ? name.slice(1) : name;
  if (!/^[A-Za-z_]+$/.test(plain)) return undefined;
  const property = plain === "Any" || /^[A-Z][a-z]?$/.test(plain) ? plain : `Script=${plain}`;
  const source = `\\${negated !== inverted ? "P" : "p"}{${property}}`;
  try {
    new RegExp(source, "u");
    return source;
  } catch {
    return undefined;
  }
}

/** The inside of a JavaScript class (flag u) for these code points. */
export function classBody(ranges: Ranges): string {
  return ranges
    .map(([first, last]) => (first === last ? codePoint(first) : `${codePoint(first)}-${codePoint(last)}`))
    .join("");
}

/** One character as a JavaScript regular expression with flag u, whatever it is. */
export function codePoint(value: number): string {
  return `\\u{${value.toString(16)}}`;
}

/** All other code points; `ranges` must be in ascending order. */
function complement(ranges: Ranges): Ranges {
  const others: [number, number][] = [];
  let next = 0;
  for (const [first, last] of ranges) {
    if (first > next) others.push([next, first - 1]);
    next = last + 1;
  }
  if (next <= maxCodePoint) others.push([next, maxCodePoint]);
  return others;
}
