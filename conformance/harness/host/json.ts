/** Narrowing of parsed JSON without casts. */

export type JsonObject = Record<string, unknown>;

/** Whether a value is a JSON object (not null, not an array). */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value as a list of JSON objects; throws when it is anything else. */
export function objectList(value: unknown): JsonObject[] {
  if (!Array.isArray(value)) throw new TypeError(`expected a JSON array, got ${JSON.stringify(value)}`);
  return value.map(asObject);
}

/** The value as a JSON object; throws when it is anything else. */
export function asObject(value: unknown): JsonObject {
  if (!isObject(value)) throw new TypeError(`expected a JSON object, got ${JSON.stringify(value)}`);
  return value;
}

/** The value as a string; throws when it is anything else. */
export function asString(value: unknown): string {
  if (typeof value !== "string") throw new TypeError(`expected a string, got ${JSON.stringify(value)}`);
  return value;
}

/** JSON text as an object; throws with the text when it is not one. */
export function parseObject(text: string): JsonObject {
  return asObject(parse(text));
}

/** JSON text as a value; the error shows the text, which a bare SyntaxError does not. */
export function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch (error) {
    throw new Error(`not JSON: ${JSON.stringify(text)}`, { cause: error });
  }
}
