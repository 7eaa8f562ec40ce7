import { isObject, type JsonObject } from "../harness/host/json.ts";

/**
 * What a value should be like. Plain values are themselves; an object says what must be in it and allows more; an
 * array says what it consists of. Objects with one key that begins with `$` say more:
 *
 * - `{ $match: "regular expression" }` a text; `{ $as: "name", like?: pattern }` keeps the value as `${name}`;
 * - `{ $has: [patterns] }` an array with these among others; `{ $lacks: [patterns] }` one with none of these;
 * - `{ $exactly: {…} }` an object with no other keys; `{ $not: pattern }`; `{ $absent: true }` no such key;
 * - `{ $anyOf: [patterns] }`; `{ $all: [patterns] }`; `{ $any: true }`; `{ $length: number }`.
 */
export type Pattern = string | number | boolean | null | readonly Pattern[] | PatternObject;
export type PatternObject = { readonly [key: string]: Pattern };

/**
 * Why a value does not match, as `path: what it should be, and is`; undefined when it does. Values of `$as` are put
 * into `captured`, also when another part does not match.
 */
export function mismatch(
  pattern: Pattern,
  value: unknown,
  captured: Map<string, string>,
  path = "",
): string | undefined {
  if (isList(pattern)) return listMismatch(pattern, value, captured, path);
  if (!isPatternObject(pattern)) {
    return value === pattern ? undefined : says(path, show(pattern), value);
  }
  const [operator] = Object.keys(pattern);
  if (operator?.startsWith("$")) return operatorMismatch(operator, pattern, value, captured, path);
  if (!isObject(value)) return says(path, show(pattern), value);
  for (const [key, part] of Object.entries(pattern)) {
    const wrong = mismatch(part, value[key], captured, `${path}.${key}`);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function operatorMismatch(
  operator: string,
  pattern: PatternObject,
  value: unknown,
  captured: Map<string, string>,
  path: string,
): string | undefined {
  const operand = pattern[operator];
  if (operand === undefined) throw new Error(`${operator} without a value`);
  switch (operator) {
    case "$match":
      if (typeof operand !== "string") throw new Error("$match needs a regular expression");
      return typeof value === "string" && new RegExp(operand).test(value)
        ? undefined
        : says(path, `something like /${operand}/`, value);
    case "$as": {
      if (typeof operand !== "string") throw new Error("$as needs a name");
      if (value === undefined) return says(path, "anything", value);
      captured.set(operand, typeof value === "string" ? value : JSON.stringify(value));
      const like = pattern["like"];
      return like === undefined ? undefined : mismatch(like, value, captured, path);
    }
    case "$has":
      return hasMismatch(patternList(operand), value, captured, path);
    case "$lacks": {
      if (!Array.isArray(value)) return says(path, "a list", value);
      const found = value.find((entry) =>
        patternList(operand).some((part) => mismatch(part, entry, captured) === undefined),
      );
      return found === undefined ? undefined : `${path || "."}: ${JSON.stringify(found)} should not be there`;
    }
    case "$exactly": {
      if (!isPatternObject(operand)) throw new Error("$exactly needs an object");
      const others = isObject(value) ? Object.keys(value).filter((key) => !(key in operand)) : [];
      if (others.length > 0) return says(path, `no ${others.join(", ")}`, value);
      return mismatch(operand, value, captured, path);
    }
    case "$not":
      return mismatch(operand, value, captured, path) === undefined
        ? says(path, `anything but ${show(operand)}`, value)
        : undefined;
    case "$absent":
      return value === undefined ? undefined : says(path, "nothing", value);
    case "$anyOf":
      return patternList(operand).some((part) => mismatch(part, value, captured) === undefined)
        ? undefined
        : says(path, `one of ${show(operand)}`, value);
    case "$all":
      return patternList(operand)
        .map((part) => mismatch(part, value, captured, path))
        .find((wrong) => wrong !== undefined);
    case "$any":
      return value === undefined ? says(path, "anything", value) : undefined;
    case "$length":
      return Array.isArray(value) && value.length === operand
        ? undefined
        : says(path, `a list of ${show(operand)}`, value);
    default:
      throw new Error(`there is no ${operator} in patterns`);
  }
}

function listMismatch(
  pattern: readonly Pattern[],
  value: unknown,
  captured: Map<string, string>,
  path: string,
): string | undefined {
  if (!Array.isArray(value) || value.length !== pattern.length) return says(path, show(pattern), value);
  for (const [index, part] of pattern.entries()) {
    const wrong = mismatch(part, value[index], captured, `${path}[${index}]`);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function hasMismatch(
  patterns: readonly Pattern[],
  value: unknown,
  captured: Map<string, string>,
  path: string,
): string | undefined {
  if (!Array.isArray(value)) return says(path, "a list", value);
  const entries: unknown[] = value;
  const missing = patterns.find(
    (part) => !entries.some((entry) => mismatch(part, entry, captured) === undefined),
  );
  return missing === undefined ? undefined : says(path, `among others ${show(missing)}`, value);
}

/** The pattern with every `${name}` in its texts replaced. */
export function fillPattern(pattern: Pattern, fill: (text: string) => string): Pattern {
  if (typeof pattern === "string") return fill(pattern);
  if (isList(pattern)) return pattern.map((part) => fillPattern(part, fill));
  if (!isPatternObject(pattern)) return pattern;
  return Object.fromEntries(Object.entries(pattern).map(([key, part]) => [key, fillPattern(part, fill)]));
}

export function isPatternObject(pattern: Pattern): pattern is PatternObject {
  return typeof pattern === "object" && pattern !== null && !Array.isArray(pattern);
}

function isList(pattern: Pattern): pattern is readonly Pattern[] {
  return Array.isArray(pattern);
}

function patternList(pattern: Pattern): readonly Pattern[] {
  if (!isList(pattern)) throw new Error("a list of patterns is needed");
  return pattern;
}

/** A JSON object as a pattern; every JSON value is one. */
export function asPattern(value: JsonObject): Pattern {
  const pattern: Pattern = JSON.parse(JSON.stringify(value));
  return pattern;
}

function says(path: string, expected: string, value: unknown): string {
  return `${path || "."}: expected ${expected}, got ${value === undefined ? "nothing" : show(value)}`;
}

function show(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 1500 ? `${text.slice(0, 1500)}…` : text;
}
