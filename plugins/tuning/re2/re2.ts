import { CniError, ErrorCode } from "../../../shared/cni/errors/cni-error.ts";
import { assertions, newline } from "./assertions.ts";
import { alternatives, assertion, character, finder, type Part, repetition, sequence } from "./automaton.ts";
import { anyOf, type ClassPart, perlClass, posixClass, range, unicodeClass } from "./class.ts";

interface Flags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
}

const controlEscapes: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 };

// Go's limits (regexp/syntax, parse.go). It counts the height of its tree, of which groups are the most.
const maxStates = (128 << 20) / 40;
const maxNesting = 1000;
const maxRepeats = 1000;

/** A compiled expression. */
export interface Re2 {
  /** True when there is a match anywhere in the text. The time is linear in the text's length. */
  readonly test: (text: string) => boolean;
}

/**
 * Compiles a regular expression of Go's package regexp (RE2's syntax) to an automaton that matches the same texts. It does
 * not find where a text matches, so groups do not capture and lazy repetition is the same as greedy.
 *
 * JavaScript's RegExp would not do: the administrators' lists are shared with the Go plugin, and syntax, classes and
 * flags differ; it also has expressions whose time is exponential.
 *
 * Source: RE2's syntax document. It has no look-around and no back references; they are refused.
 *
 * @throws CniError code 7 with Go's cause and the offending part.
 */
export function compileRe2(pattern: string): Re2 {
  const expression = new Parser(pattern).parse();
  if (expression.states > maxStates) throw mistake("expression too large", pattern);
  return { test: finder(expression) };
}

class Parser {
  readonly #pattern: string;
  readonly #groupNames = new Set<string>();
  #position = 0;
  #nesting = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  parse(): Part {
    const expression = this.#alternatives({ i: false, m: false, s: false });
    if (this.#position < this.#pattern.length) throw mistake("unexpected )", this.#pattern);
    return expression;
  }

  /** The alternatives up to the end, or up to the ")" that closes the group. Flags that they set hold until there. */
  #alternatives(initial: Flags): Part {
    let flags = initial;
    const done: Part[] = [];
    let items: Part[] = [];
    let repeated = "";
    for (;;) {
      const rest = this.#pattern.slice(this.#position);
      if (rest === "" || rest.startsWith(")")) return alternatives([...done, sequence(items)]);
      const [whole, counts = ""] = /^([*+?]|\{(?:0|[1-9]\d*)(?:,(?:0|[1-9]\d*)?)?\})\??/.exec(rest) ?? [];
      if (whole !== undefined) {
        if (repeated !== "") throw mistake("invalid nested repetition operator", repeated + whole);
        const item = items.pop();
        if (item === undefined) throw mistake("missing argument to repetition operator", whole);
        this.#position += whole.length;
        items.push(repeatedPart(item, counts, whole));
        repeated = whole;
        continue;
      }
      if (rest.startsWith("|")) {
        this.#position++;
        done.push(sequence(items));
        items = [];
        repeated = "";
      } else if (rest.startsWith("(?")) {
        const opened = this.#openGroup(rest, flags);
        flags = opened.flags;
        if (opened.group !== undefined) items.push(this.#group(opened.group));
        // A repetition behind flags repeats the item before them.
        if (opened.group !== undefined || items.length > 0) repeated = "";
      } else {
        items.push(...this.#items(rest, flags));
        repeated = "";
      }
    }
  }

  #items(rest: string, flags: Flags): Part[] {
    if (rest.startsWith("\\Q")) {
      return Array.from(this.#quoted(rest), (quoted) => literal(quoted.codePointAt(0) ?? 0, flags));
    }
    if (!rest.startsWith("(")) return [this.#atom(rest, flags)];
    this.#position++;
    return [this.#group(flags)];
  }

  #group(flags: Flags): Part {
    if (++this.#nesting > maxNesting) throw mistake("expression nests too deeply", this.#pattern);
    const inside = this.#alternatives(flags);
    if (this.#pattern[this.#position] !== ")") throw mistake("missing closing )", this.#pattern);
    this.#position++;
    this.#nesting--;
    return inside;
  }

  /** "(?i)" changes the flags, "(?i:" opens a group with its own, "(?P<name>" one with a name. */
  #openGroup(rest: string, flags: Flags): { flags: Flags; group?: Flags } {
    const named = /^\(\?P?<(\w+)>/.exec(rest);
    if (named !== null) {
      const [whole, name = ""] = named;
      if (this.#groupNames.has(name)) throw mistake("duplicate capture group name", name);
      this.#groupNames.add(name);
      this.#position += whole.length;
      return { flags, group: flags };
    }
    const setting = /^\(\?([imsU]*)(?:-([imsU]+))?([:)])/.exec(rest);
    if (setting === null) throw mistake(perlSyntax, rest.slice(0, groupEnd(rest)));
    const [whole, on = "", off = "", end] = setting;
    this.#position += whole.length;
    const changed = {
      i: (flags.i || on.includes("i")) && !off.includes("i"),
      m: (flags.m || on.includes("m")) && !off.includes("m"),
      s: (flags.s || on.includes("s")) && !off.includes("s"),
    };
    return end === ")" ? { flags: changed } : { flags, group: changed };
  }

  /** The characters between \Q and \E, or the end. */
  #quoted(rest: string): string {
    const end = rest.indexOf("\\E");
    this.#position += end < 0 ? rest.length : end + 2;
    return rest.slice(2, end < 0 ? rest.length : end);
  }

  #atom(rest: string, flags: Flags): Part {
    if (rest.startsWith("[")) return this.#class(flags);
    if (rest.startsWith("\\")) return this.#escape(flags);
    const value = rest.codePointAt(0) ?? 0;
    this.#position += value > 0xffff ? 2 : 1;
    switch (rest[0]) {
      case ".":
        return character(flags.s ? () => true : (found) => found !== newline);
      case "^":
        return assertion(flags.m ? assertions.lineBegin : assertions.A);
      case "$":
        return assertion(flags.m ? assertions.lineEnd : assertions.z);
      default:
        return literal(value, flags);
    }
  }

  #escape(flags: Flags): Part {
    const letter = this.#pattern[this.#position + 1] ?? "";
    if (letter === "A" || letter === "z" || letter === "b" || letter === "B") {
      this.#position += 2;
      return assertion(assertions[letter]);
    }
    const set = this.#setEscape();
    return set === undefined ? literal(this.#characterEscape(), flags) : character(anyOf([set], flags.i));
  }

  /** The part for "\d", "\pL" and the like; undefined when the next escape is another. */
  #setEscape(): ClassPart | undefined {
    const rest = this.#pattern.slice(this.#position, this.#position + 60);
    const perl = /^\\([dDsSwW])/.exec(rest);
    if (perl !== null) {
      this.#position += 2;
      return perlClass(perl[1] ?? "");
    }
    if (!/^\\[pP]/.test(rest)) return undefined;
    const unicode = /^\\([pP])(?:\{([^}]*)\}|([^{]))/u.exec(rest);
    const [whole = rest, kind = "", long, short = ""] = unicode ?? [];
    const found = unicodeClass(long ?? short, kind === "P");
    if (found === undefined) throw mistake("invalid character class range", whole);
    this.#position += whole.length;
    return found;
  }

  /** The code point of an escape for one character. */
  #characterEscape(): number {
    const rest = this.#pattern.slice(this.#position);
    const octal = /^\\(0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(rest);
    const hex = /^\\x(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,8})\})/.exec(rest);
    const letter = rest[1] ?? "";
    const control = Object.hasOwn(controlEscapes, letter) ? controlEscapes[letter] : undefined;
    const found: [string, number] | undefined =
      octal !== null
        ? [octal[0], Number.parseInt(octal[1] ?? "", 8)]
        : hex !== null
          ? [hex[0], Number.parseInt(hex[1] ?? hex[2] ?? "", 16)]
          : control !== undefined
            ? [`\\${letter}`, control]
            : /^[!-/:-@[-`{-~\0- \x7f]$/.test(letter)
              ? [`\\${letter}`, letter.charCodeAt(0)]
              : undefined;
    if (letter === "") throw mistake("trailing backslash at end of expression", "");
    if (found === undefined || found[1] > 0x10ffff) {
      throw mistake("invalid escape sequence", `\\${String.fromCodePoint(rest.codePointAt(1) ?? 0)}`);
    }
    this.#position += found[0].length;
    return found[1];
  }

  /** A class in brackets. */
  #class(flags: Flags): Part {
    const start = this.#position;
    const fail = (): CniError => mistake("missing closing ]", this.#pattern.slice(start));
    this.#position++;
    const negated = this.#pattern[this.#position] === "^";
    if (negated) this.#position++;
    const parts: ClassPart[] = [];
    for (let first = true; first || this.#pattern[this.#position] !== "]"; first = false) {
      if (this.#position >= this.#pattern.length) throw fail();
      parts.push(this.#posixClass() ?? this.#setEscape() ?? this.#range(fail));
    }
    this.#position++;
    const accepts = anyOf(parts, flags.i);
    return character(negated ? (value) => !accepts(value) : accepts);
  }

  #posixClass(): ClassPart | undefined {
    const found = /^\[:([^\]]*?):\]/.exec(this.#pattern.slice(this.#position));
    if (found === null) return undefined;
    const [whole, name = ""] = found;
    const part = posixClass(name);
    if (part === undefined) throw mistake("invalid character class range", whole);
    this.#position += whole.length;
    return part;
  }

  #range(fail: () => CniError): ClassPart {
    const start = this.#position;
    const first = this.#classCharacter(fail);
    const [dash, next] = this.#pattern.slice(this.#position, this.#position + 2);
    if (dash !== "-" || next === undefined || next === "]") return range(first, first);
    this.#position++;
    const last = this.#classCharacter(fail);
    if (last < first) {
      throw mistake("invalid character class range", this.#pattern.slice(start, this.#position));
    }
    return range(first, last);
  }

  #classCharacter(fail: () => CniError): number {
    if (this.#pattern[this.#position] === "\\") return this.#characterEscape();
    const value = this.#pattern.codePointAt(this.#position);
    if (value === undefined) throw fail();
    this.#position += value > 0xffff ? 2 : 1;
    return value;
  }
}

const perlSyntax = "invalid or unsupported Perl syntax";

/** The length of the part of an unknown "(?…" that the error shows: "(?=", "(?<!", "(?x". */
function groupEnd(rest: string): number {
  return rest[2] === "<" || rest[2] === "P" ? 4 : 3;
}

/** @param counts without the "?" that may follow, which `whole` has. */
function repeatedPart(part: Part, counts: string, whole: string): Part {
  const [least, most] = boundsOf(counts);
  const isAllowed = least <= maxRepeats && (most <= maxRepeats || most === Infinity) && least <= most;
  const repeatedly = repetition(part, least, most);
  if (!isAllowed) throw mistake("invalid repeat count", counts);
  if (counts.startsWith("{") && (least > 1 || most > 1) && repeatedly.repeats > maxRepeats) {
    throw mistake("invalid repeat count", whole);
  }
  return repeatedly;
}

function boundsOf(counts: string): readonly [least: number, most: number] {
  if (counts === "*") return [0, Infinity];
  if (counts === "+") return [1, Infinity];
  if (counts === "?") return [0, 1];
  const [least = 0, most = counts.includes(",") ? Infinity : least] = counts.match(/\d+/g)?.map(Number) ?? [];
  return [least, most];
}

function literal(value: number, flags: Flags): Part {
  return character(flags.i ? anyOf([range(value, value)], true) : (found) => found === value);
}

function mistake(cause: string, part: string): CniError {
  return new CniError(
    ErrorCode.invalidConfig,
    `error parsing regexp: ${cause}: \`${part}\``,
    "patterns are written in RE2's syntax, as in Go",
  );
}
