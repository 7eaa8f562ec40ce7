import type { JsonObject, JsonValue } from "./json-read.ts";

/**
 * True when a key of a configuration spells this name: case does not matter. Two letters beyond ASCII are another case
 * of an ASCII letter: ſ of s, and the sign of Kelvin of k.
 *
 * Source: `foldName` in encoding/json of Go, which reads configurations for the Go plugins.
 */
export function isSpelling(key: string, name: string): boolean {
  return key === name || foldKey(key) === foldKey(name);
}

/** The form that all spellings of a key share. */
export function foldKey(key: string): string {
  return key.replaceAll("\u017f", "s").toLowerCase();
}

/**
 * The value of a key: of its exact spelling if that has a value, else of the last other spelling.
 *
 * @returns undefined when no key spells the name.
 */
export function memberOf(object: JsonObject, name: string): JsonValue | undefined {
  const exact = object[name];
  if (exact !== undefined && exact !== null) return exact;
  const entries: [string, JsonValue][] = Object.entries(object);
  return entries.findLast(([key]) => isSpelling(key, name))?.[1];
}
