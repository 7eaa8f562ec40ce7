import type { ColdFunctions } from "./cold-functions.ts";
import { type NamedFunction, namedFunctions } from "./function-names.ts";
import { asFunction, placeInBundle, placesIn, type Script, sourcePlaces } from "./script.ts";

/** A function in a program, from its first character to the one behind its last. */
interface FunctionInProgram {
  readonly start: number;
  readonly end: number;
  /** A place that is in it and in none of those within it. */
  readonly inside: number;
  /** The file that it comes from and its name there: see function-names.ts. */
  readonly name: string;
  /** Whether it is a field of a class: V8 makes a function of those. */
  readonly isField: boolean;
}

/**
 * Every function, method and arrow function of a program, which is a bundle as a function expression, in the order of
 * their beginnings, and every field of a class.
 */
export function functionsOf(bundle: Script): FunctionInProgram[] {
  const program = asFunction(bundle);
  const placeOf = placesIn(program);
  const sourceOf = sourcePlaces(bundle);
  const files = new Map<string, ReadonlyMap<string, string>>();
  const nameOf = ({ start, name }: NamedFunction): string => {
    const { line, column } = placeInBundle(placeOf(start));
    const source = column < 0 ? undefined : sourceOf(line, column);
    if (source === undefined) return `bundle ${name}`;
    const { file, text } = source;
    const known = files.get(file) ?? namesByPlace(text);
    files.set(file, known);
    const found = known.get(`${source.line}:${source.column}`);
    return found === undefined ? `bundle ${name}` : `${file} ${found}`;
  };
  return namedFunctions(program)
    .map((found) => {
      const { start, end, isField } = found;
      return { start, end, isField, inside: isField ? start : end - 1, name: nameOf(found) };
    })
    .sort((a, b) => a.start - b.start || b.end - a.end);
}

/** The names of a file's functions by where each begins. */
function namesByPlace(text: string): ReadonlyMap<string, string> {
  const placeOf = placesIn(text);
  return new Map(
    namedFunctions(text).flatMap(({ name, start, beginnings }) =>
      [start, ...beginnings].map((beginning): [string, string] => {
        const { line, column } = placeOf(beginning);
        return [`${line}:${column}`, name];
      }),
    ),
  );
}

/** The functions that are not cold, also those within one that is: it may have been called once, to make them. */
export function warmFunctions(
  functions: readonly FunctionInProgram[],
  cold?: Pick<ColdFunctions, "has">,
): FunctionInProgram[] {
  return functions.filter(({ name, isField }) => isField || cold?.has(name) !== true);
}

/**
 * Whether each of a program's functions was called, by name. `ends` has where functions end that were: V8 and the parser
 * agree on that, not on where each kind of function begins. Several end at one place when an arrow function is all of
 * another's body; then all of them count as called.
 */
export function calledFunctions(
  functions: readonly FunctionInProgram[],
  ends: ReadonlySet<number>,
): Map<string, boolean> {
  const called = new Map<string, boolean>();
  // The first is the program, which only the build calls.
  for (const { name, end, isField } of functions.slice(1)) {
    if (!isField) called.set(name, called.get(name) === true || ends.has(end));
  }
  return called;
}

/**
 * Where the functions of a program end that V8's log of a process says were compiled (`--log-function-events`). The
 * program is the script most of whose functions were: next to it there are only a few lines of snapshot-scripts.ts.
 */
export function compiledFunctions(log: string): readonly number[] {
  const ends = new Map<string, number[]>();
  for (const [, script = "", end] of log.matchAll(/^function,interpreter,(\d+),\d+,(\d+),/gm)) {
    const known = ends.get(script);
    if (known === undefined) ends.set(script, [Number(end)]);
    else known.push(Number(end));
  }
  return [...ends.values()].reduce((most, one) => (one.length > most.length ? one : most), []);
}
