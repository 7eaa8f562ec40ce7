import { createHash } from "node:crypto";
import { parse } from "@babel/parser";

/** A function in the text of a script, from its first character to the one behind its last. */
export interface FunctionInScript {
  readonly start: number;
  readonly end: number;
  /** A place that is in it and in none of those within it. */
  readonly inside: number;
  /** Its text's hash, by which it is known wherever in a script it is. */
  readonly hash: string;
}

/**
 * Every function, method and arrow function of a script, in the order of their beginnings, and every field of a class:
 * V8 makes a function of those.
 */
export function functionsOf(script: string): FunctionInScript[] {
  const found: FunctionInScript[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const item of value) visit(item);
    } else if (isNode(value)) {
      const { type, start, end } = value;
      const isField = /^Class(Private)?Property$/.test(type);
      if (isField || /Function|Method/.test(type)) {
        const hash = createHash("sha256").update(script.slice(start, end)).digest("hex").slice(0, 8);
        found.push({ start, end, inside: isField ? start : end - 1, hash });
      }
      for (const child of Object.values(value)) visit(child);
    }
  };
  visit(parse(script).program.body);
  return found.sort((a, b) => a.start - b.start || b.end - a.end);
}

/** The functions that are not cold, also those within one that is: it may have been called once, to make them. */
export function warmFunctions(script: string, cold: ReadonlySet<string>): FunctionInScript[] {
  return functionsOf(script).filter(({ hash }) => !cold.has(hash));
}

/**
 * Whether each of a script's functions was called, by hash. `ends` has where functions end that were: V8 and the parser
 * agree on that, not on where each kind of function begins. Several end at one place when an arrow function is all of
 * another's body; then all of them count as called.
 */
export function calledFunctions(script: string, ends: ReadonlySet<number>): Map<string, boolean> {
  const called = new Map<string, boolean>();
  for (const { inside, end, hash } of functionsOf(script)) {
    const isField = inside < end - 1;
    if (isField) continue;
    called.set(hash, called.get(hash) === true || ends.has(end));
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

/** A part of a script's syntax tree; what else it has depends on its type: https://github.com/babel/babel, ast/spec.md. */
export interface Node extends Readonly<Record<string, unknown>> {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

export function isNode(value: unknown): value is Node {
  return (
    typeof value === "object" &&
    value !== null &&
    "type" in value &&
    typeof value.type === "string" &&
    "start" in value &&
    typeof value.start === "number" &&
    "end" in value &&
    typeof value.end === "number"
  );
}
