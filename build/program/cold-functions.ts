/**
 * Functions of a program that usual calls do not call, as a text: a line `FILE NAME` for a function, `FILE NAME *` for
 * all of a function, class or variable, and `FILE *` for all of a file. Names are those of function-names.ts.
 */
export interface ColdFunctions {
  /** The text's lines. */
  readonly entries: readonly string[];
  /** Whether a function is among them, by its file and name. */
  has(name: string): boolean;
}

export function parseColdFunctions(text: string): ColdFunctions {
  const entries = text.split("\n").filter((line) => line !== "");
  const known = new Set(entries);
  return {
    entries,
    has: (name) => known.has(name) || scopesOf(name).some((scope) => known.has(`${scope} *`)),
  };
}

/** The shortest text that names these functions and no others of a program. */
export function formatColdFunctions(all: ReadonlyMap<string, boolean>): string {
  /** How many functions are in each scope, and how many of them are cold. */
  const counts = new Map<string, { all: number; cold: number }>();
  for (const [name, isCold] of all) {
    for (const scope of scopesOf(name)) {
      const { all = 0, cold = 0 } = counts.get(scope) ?? {};
      counts.set(scope, { all: all + 1, cold: cold + (isCold ? 1 : 0) });
    }
  }
  const lines = new Set<string>();
  for (const [name, isCold] of all) {
    if (!isCold) continue;
    const whole = scopesOf(name).find((scope) => {
      const { all, cold } = counts.get(scope) ?? { all: 0, cold: 0 };
      return all > 1 && all === cold;
    });
    lines.add(whole === undefined ? name : `${whole} *`);
  }
  return `${[...lines].sort().join("\n")}\n`;
}

/** The entries that name nothing in a program with functions of these names. */
export function staleEntries({ entries }: ColdFunctions, names: Iterable<string>): readonly string[] {
  const all = [...names];
  const current = new Set([...all, ...all.flatMap(scopesOf).map((scope) => `${scope} *`)]);
  return entries.filter((entry) => !current.has(entry));
}

/** A function's file, what in it contains the function, and the function itself, as in `a.ts`, `a.ts B`, `a.ts B.c`. */
function scopesOf(name: string): readonly string[] {
  const file = name.indexOf(" ");
  const ends = [...name.matchAll(/[./]|$/g)].flatMap(({ index }) => (index > file ? [index] : []));
  return [name.slice(0, file), ...ends.map((end) => name.slice(0, end))];
}
