import { isJsonObject, JsonNumber, type JsonValue } from "./json-read.ts";

/** What can be printed. Members that are undefined are left out. */
export type Printable =
  | null
  | boolean
  | number
  | string
  | readonly Printable[]
  | { readonly [key: string]: Printable | undefined };

/**
 * Prints JSON as the Go library of CNI does: four blanks of indentation, no newline at the end, and
 * `<`, `>`, `&`, U+2028 and U+2029 escaped.
 */
export function printJson(value: Printable): string {
  return escapeLikeGo(JSON.stringify(value, null, 4));
}

/** Prints JSON on one line with the same escapes. */
export function printJsonLine(value: Printable): string {
  return escapeLikeGo(JSON.stringify(value));
}

function escapeLikeGo(json: string): string {
  return json.replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A document that was read, on one line; numbers as they were written. */
export function jsonText(value: JsonValue): string {
  if (value instanceof JsonNumber) return value.source;
  if (Array.isArray(value)) return `[${value.map(jsonText).join(",")}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}:${jsonText(member)}`);
  return `{${members.join(",")}}`;
}
