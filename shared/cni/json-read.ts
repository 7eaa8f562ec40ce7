/** A JSON value as read. Numbers that are no plain integer literals stay `JsonNumber`. */
export type JsonValue = null | boolean | number | string | JsonNumber | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}

/** A number that was not written as an integer (5.0, 1e3) or does not fit a double exactly. */
export class JsonNumber {
  readonly source: string;
  constructor(source: string) {
    this.source = source;
  }
}

export class JsonSyntaxError extends Error {
  override readonly name = "JsonSyntaxError";
}

/** Told of each key that an object repeats: the path to the object, which is valid until it returns, and the key. */
type DuplicateListener = (path: readonly string[], key: string) => void;

const maxDepth = 1000;

/**
 * Reads one JSON document (RFC 8259) with the meaning that CNI's Go library gives to it: repeated keys are legal,
 * objects under a repeated key are merged and anything else is replaced; whether a number was written as an integer
 * is kept. `JSON.parse` can do none of these.
 *
 * @throws JsonSyntaxError with the position of the mistake.
 */
export function readJson(text: string, onDuplicate?: DuplicateListener): JsonValue {
  let position = 0;
  const path: string[] = [];

  const fail = (expected: string): never => {
    if (position >= text.length) throw new JsonSyntaxError("unexpected end of JSON input");
    const found = JSON.stringify(String.fromCodePoint(text.codePointAt(position) ?? 0));
    const before = text.slice(0, position);
    const line = before.split("\n").length;
    const column = position - before.lastIndexOf("\n");
    throw new JsonSyntaxError(
      `invalid character ${found} at line ${line}, column ${column}: expected ${expected}`,
    );
  };

  const skipSpace = (): void => {
    for (;;) {
      const code = text.charCodeAt(position);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      position++;
    }
  };

  const readString = (): string => {
    const start = position;
    if (text[position] !== '"') fail("a string");
    position++;
    for (;;) {
      const code = text.charCodeAt(position);
      if (Number.isNaN(code)) fail("the end of the string");
      if (code < 0x20) fail("no control character inside a string");
      if (code === 0x22) break;
      if (code === 0x5c) {
        position++;
        const escaped = /^(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/.exec(text.slice(position, position + 5));
        if (escaped === null) fail("an escape sequence");
      }
      position++;
    }
    position++;
    const value: unknown = JSON.parse(text.slice(start, position));
    return typeof value === "string" ? value.toWellFormed() : "";
  };

  const readNumber = (): number | JsonNumber => {
    const literal = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
    literal.lastIndex = position;
    const source = literal.exec(text)?.[0];
    if (source === undefined) return fail("a value");
    position += source.length;
    const value = Number(source);
    return /^-?\d+$/.test(source) && Number.isSafeInteger(value) ? value : new JsonNumber(source);
  };

  const readWord = (word: string, value: boolean | null): boolean | null => {
    if (!text.startsWith(word, position)) fail("a value");
    position += word.length;
    return value;
  };

  const readMembers = (): JsonObject => {
    const object: JsonObject = Object.create(null);
    position++;
    skipSpace();
    if (text[position] === "}") {
      position++;
      return object;
    }
    for (;;) {
      skipSpace();
      if (text[position] !== '"') fail("a key in double quotes");
      const key = readString();
      skipSpace();
      if (text[position] !== ":") fail('":" after a key');
      position++;
      path.push(key);
      const value = readValue();
      path.pop();
      if (key in object) {
        if (onDuplicate !== undefined) reportDuplicates(object, key, value, path, onDuplicate);
        mergeMember(object, key, value);
      } else {
        object[key] = value;
      }
      skipSpace();
      if (text[position] === "}") break;
      if (text[position] !== ",") fail('"," or "}" after a member');
      position++;
    }
    position++;
    return object;
  };

  const readItems = (): JsonValue[] => {
    const items: JsonValue[] = [];
    position++;
    skipSpace();
    if (text[position] === "]") {
      position++;
      return items;
    }
    for (;;) {
      items.push(readValue());
      skipSpace();
      if (text[position] === "]") break;
      if (text[position] !== ",") fail('"," or "]" after an item');
      position++;
    }
    position++;
    return items;
  };

  let depth = 0;
  const readValue = (): JsonValue => {
    if (++depth > maxDepth) throw new JsonSyntaxError(`nested more than ${maxDepth} levels deep`);
    skipSpace();
    const value = readBare();
    depth--;
    return value;
  };
  const readBare = (): JsonValue => {
    switch (text[position]) {
      case "{":
        return readMembers();
      case "[":
        return readItems();
      case '"':
        return readString();
      case "t":
        return readWord("true", true);
      case "f":
        return readWord("false", false);
      case "n":
        return readWord("null", null);
      default:
        return readNumber();
    }
  };

  const value = readValue();
  skipSpace();
  if (position < text.length) fail("nothing after the document");
  return value;
}

/** Tells of a key that an object repeats, and of the keys that objects under it, which get merged, have in common. */
function reportDuplicates(
  object: JsonObject,
  key: string,
  value: JsonValue,
  path: string[],
  onDuplicate: DuplicateListener,
): void {
  onDuplicate(path, key);
  const earlier = object[key];
  if (!isJsonObject(earlier) || !isJsonObject(value)) return;
  path.push(key);
  for (const [innerKey, innerValue] of Object.entries(value)) {
    if (innerKey in earlier) reportDuplicates(earlier, innerKey, innerValue, path, onDuplicate);
  }
  path.pop();
}

/**
 * Sets a member that the object may have already: objects are merged, everything else is replaced. The earlier object
 * is changed, as a copy of it for each repeated key would take a time that is quadratic in their number.
 */
export function mergeMember(object: JsonObject, key: string, value: JsonValue): void {
  const earlier = object[key];
  if (isJsonObject(earlier) && isJsonObject(value)) {
    for (const [innerKey, innerValue] of Object.entries(value)) mergeMember(earlier, innerKey, innerValue);
  } else {
    object[key] = value;
  }
}

/** A copy whose objects can be merged into without a change of the original's. Lists, which are replaced, are shared. */
export function copyForMerging(value: JsonValue): JsonValue {
  if (!isJsonObject(value)) return value;
  const copy: JsonObject = Object.create(null);
  for (const [key, member] of Object.entries(value)) copy[key] = copyForMerging(member);
  return copy;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber)
  );
}
