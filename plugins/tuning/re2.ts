import { CniError, ErrorCode } from "../../shared/errors/cni-error.ts";
import { classBody, codePoint, perlClass, posixClass, unicodeClass } from "./re2-class.ts";

interface Flags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
}

const controlEscapes: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 };

/**
 * Translates a regular expression in the syntax of RE2, as Go's package regexp takes it, to one of JavaScript that
 * finds a match in the same texts. Which part of a text matches is not kept: groups do not capture, and greedy and
 * lazy are the same.
 *
 * Source: RE2's syntax document. Look-around and back references are not part of it and are refused.
 *
 * @throws CniError code 7 with Go's cause and the offending part.
 */
export function compileRe2(pattern: string): RegExp {
  return new RegExp(new Translator(pattern).translate(), "u");
}

class Translator {
  readonly #pattern: string;
  readonly #groupNames = new Set<string>();
  #position = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  translate(): string {
    const source = this.#alternatives({ i: false, m: false, s: false });
    if (this.#position < this.#pattern.length) throw mistake("unexpected )", this.#pattern);
    return source;
  }

  /** Everything up to the end or to the ")" that closes the group. Flags set in it hold until there. */
  #alternatives(initial: Flags): string {
    let flags = initial;
    const done: string[] = [];
    let items: string[] = [];
    let repeated = "";
    const add = (item: string): void => {
      items.push(item);
      repeated = "";
    };
    for (;;) {
      const rest = this.#pattern.slice(this.#position);
      const character = String.fromCodePoint(rest.codePointAt(0) ?? 0);
      if (rest === "" || character === ")") return [...done, items.join("")].join("|");
      const repetition = /^(?:[*+?]|\{(?:0|[1-9]\d*)(?:,(?:0|[1-9]\d*)?)?\})/.exec(rest)?.[0];
      if (repetition !== undefined) {
        const [whole = repetition] = /^(?:[*+?]|\{[\d,]+\})\??/.exec(rest) ?? [];
        if (repeated !== "") throw mistake("invalid nested repetition operator", repeated + whole);
        const item = items.pop();
        if (item === undefined) throw mistake("missing argument to repetition operator", whole);
        this.#position += whole.length;
        items.push(item + checkedRepetition(repetition));
        repeated = whole;
        continue;
      }
      if (character === "|") {
        this.#position++;
        done.push(items.join(""));
        items = [];
        repeated = "";
      } else if (rest.startsWith("(?")) {
        const opened = this.#openGroup(rest, flags);
        flags = opened.flags;
        if (opened.group !== undefined) add(this.#group(opened.group));
        // What comes before flags can be repeated once more by what follows them.
        else if (items.length > 0) add(`(?:${items.pop()})`);
      } else if (character === "(") {
        this.#position++;
        add(this.#group(flags));
      } else if (rest.startsWith("\\Q")) {
        for (const quoted of this.#quoted(rest)) add(literal(quoted.codePointAt(0) ?? 0, flags));
      } else {
        add(this.#atom(rest, character, flags));
      }
    }
  }

  #group(flags: Flags): string {
    const inside = this.#alternatives(flags);
    if (this.#pattern[this.#position] !== ")") throw mistake("missing closing )", this.#pattern);
    this.#position++;
    return `(?:${inside})`;
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
    if (setting === null || setting[0] === "(?)") throw mistake(perlSyntax, rest.slice(0, groupEnd(rest)));
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

  #atom(rest: string, character: string, flags: Flags): string {
    if (character === "[") return withCase(this.#class(), flags);
    if (character === "\\") return this.#escape(flags);
    this.#position += character.length;
    switch (character) {
      case ".":
        return flags.s ? "[^]" : "[^\\n]";
      case "^":
        return flags.m ? "(?:(?<![^\\n]))" : "(?:^)";
      case "$":
        return flags.m ? "(?:(?![^\\n]))" : "(?:$)";
      default:
        return literal(rest.codePointAt(0) ?? 0, flags);
    }
  }

  #escape(flags: Flags): string {
    const letter = this.#pattern[this.#position + 1] ?? "";
    const assertion = { A: "(?:^)", z: "(?:$)", b: "(?:\\b)", B: "(?:\\B)" }[letter];
    if (assertion !== undefined) {
      this.#position += 2;
      return assertion;
    }
    const set = this.#setEscape();
    return set === undefined ? literal(this.#characterEscape(), flags) : withCase(`[${set}]`, flags);
  }

  /** "\d", "\pL" and the like, as the inside of a class; undefined when something else stands here. */
  #setEscape(): string | undefined {
    const rest = this.#pattern.slice(this.#position, this.#position + 60);
    const perl = /^\\([dDsSwW])/.exec(rest);
    if (perl !== null) {
      this.#position += 2;
      return perlClass(perl[1] ?? "");
    }
    if (!/^\\[pP]/.test(rest)) return undefined;
    const unicode = /^\\([pP])(?:\{([^}]*)\}|([^{]))/u.exec(rest);
    const [whole = rest, kind = "", long, short = ""] = unicode ?? [];
    const source = unicodeClass(long ?? short, kind === "P");
    if (source === undefined) throw mistake("invalid character class range", whole);
    this.#position += whole.length;
    return source;
  }

  /** An escape that stands for one character. */
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
  #class(): string {
    const start = this.#position;
    const fail = (): CniError => mistake("missing closing ]", this.#pattern.slice(start));
    this.#position++;
    const negated = this.#pattern[this.#position] === "^";
    if (negated) this.#position++;
    const parts: string[] = [];
    for (let first = true; first || this.#pattern[this.#position] !== "]"; first = false) {
      if (this.#position >= this.#pattern.length) throw fail();
      parts.push(this.#posixClass() ?? this.#setEscape() ?? this.#range(fail));
    }
    this.#position++;
    return `[${negated ? "^" : ""}${parts.join("")}]`;
  }

  #posixClass(): string | undefined {
    const found = /^\[:([^\]]*?):\]/.exec(this.#pattern.slice(this.#position));
    if (found === null) return undefined;
    const [whole, name = ""] = found;
    const body = posixClass(name);
    if (body === undefined) throw mistake("invalid character class range", whole);
    this.#position += whole.length;
    return body;
  }

  #range(fail: () => CniError): string {
    const start = this.#position;
    const first = this.#classCharacter(fail);
    const [dash, next] = this.#pattern.slice(this.#position, this.#position + 2);
    if (dash !== "-" || next === undefined || next === "]") return classBody([[first, first]]);
    this.#position++;
    const last = this.#classCharacter(fail);
    if (last < first) {
      throw mistake("invalid character class range", this.#pattern.slice(start, this.#position));
    }
    return classBody([[first, last]]);
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

/** How much of an unknown "(?…" is shown: "(?=", "(?<!", "(?x". */
function groupEnd(rest: string): number {
  return rest[2] === "<" || rest[2] === "P" ? 4 : 3;
}

function checkedRepetition(text: string): string {
  const counts = text.match(/\d+/g)?.map(Number) ?? [];
  const [least = 0, most = least] = counts;
  if (least > 1000 || most > 1000 || least > most) throw mistake("invalid repeat count", text);
  return text;
}

function literal(value: number, flags: Flags): string {
  return withCase(codePoint(value), flags);
}

function withCase(source: string, flags: Flags): string {
  return flags.i ? `(?i:${source})` : source;
}

function mistake(cause: string, part: string): CniError {
  return new CniError(
    ErrorCode.invalidConfig,
    `error parsing regexp: ${cause}: \`${part}\``,
    "patterns are written in RE2's syntax, as in Go",
  );
}
