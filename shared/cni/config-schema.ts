import * as z from "zod/mini";
import { $ZodArray, $ZodObject, $ZodOptional } from "zod/v4/core";
import { type IpAddress, parseIp } from "../ip/address.ts";
import { type IpPrefix, parsePrefix } from "../ip/prefix.ts";
import { CniError, ErrorCode } from "./errors/cni-error.ts";
import {
  copyForMerging,
  isJsonObject,
  JsonNumber,
  type JsonObject,
  type JsonValue,
  mergeMember,
} from "./json-read.ts";
import { foldKey, memberOf } from "./key.ts";

// Compiled validators cost more to make than one config costs to check.
z.config({ jitless: true });

/**
 * An object of a network configuration: keys match without regard to case, `null` means absent and unknown keys are
 * ignored, as in every configuration that the Go plugins read. `decode` folds the case of keys first; as a schema step it
 * would add a pipe and a transform to each object.
 */
export function configObject<Shape extends z.core.$ZodShape>(shape: Shape) {
  return z.object(shape);
}

/** A document with all keys as its schema spells them, and without those that it does not have. */
function folded(input: JsonValue, schema: z.core.$ZodType | undefined): JsonValue {
  if (schema instanceof $ZodOptional) return folded(input, schema._zod.def.innerType);
  if (schema instanceof $ZodArray) {
    return Array.isArray(input) ? input.map((item) => folded(item, schema._zod.def.element)) : input;
  }
  if (!(schema instanceof $ZodObject) || !isJsonObject(input)) return input;
  const { shape } = schema._zod.def;
  const object = foldKeys(input, shape);
  for (const [key, value] of Object.entries(object)) object[key] = folded(value, shape[key]);
  return object;
}

function foldKeys(input: JsonObject, shape: z.core.$ZodShape): JsonObject {
  const object: JsonObject = Object.create(null);
  const names = nameFinder(shape);
  // Members that are no longer the document's own, which has to stay as it is.
  const merged = new Set<string>();
  for (const [key, value] of Object.entries(input)) {
    const name = names(key);
    if (name === undefined) continue;
    if (value === null) {
      delete object[name];
    } else if (isJsonObject(object[name]) && isJsonObject(value)) {
      if (!merged.has(name)) object[name] = copyForMerging(object[name]);
      merged.add(name);
      mergeMember(object, name, copyForMerging(value));
    } else {
      object[name] = value;
      merged.delete(name);
    }
  }
  return object;
}

/** Finds the name in a schema that a key of a document spells. */
function nameFinder(shape: z.core.$ZodShape): (key: string) => string | undefined {
  let spellings: Map<string, string> | undefined;
  return (key) => {
    if (Object.hasOwn(shape, key)) return key;
    spellings ??= new Map(Object.keys(shape).map((name) => [foldKey(name), name]));
    return spellings.get(foldKey(key));
  };
}

/** A whole number that was written as one: 5.0 and 1e3 are refused, like "5". */
export const integer = z.int();

export const text = z.string();

export const optionalInteger = z.optional(integer);

export const optionalText = z.optional(text);

export const optionalTexts = z.optional(z.array(text));

export const optionalBoolean = z.optional(z.boolean());

/** An IP address; "" means absent. */
export const optionalIp = z.optional(
  z.pipe(
    z.string(),
    z.transform((input, context): IpAddress | undefined => {
      if (input === "") return undefined;
      const address = parseIp(input);
      if (address === undefined) {
        context.issues.push({ code: "custom", input, message: `invalid IP address: ${input}` });
      }
      return address;
    }),
  ),
);

/** An address with prefix length. */
export const prefix = z.pipe(
  z.string(),
  z.transform((input, context): IpPrefix => {
    const parsed = parsePrefix(input);
    if (parsed !== undefined) return parsed;
    context.issues.push({ code: "custom", input, message: `invalid CIDR address: ${input}` });
    return z.NEVER;
  }),
);

/** A JSON object whose members are looked at later. */
export const anyObject = z.custom<JsonObject>(isJsonObject);

/**
 * Decodes a document.
 *
 * @param schema is a constant of a module, unless few calls need it: in an executable constants were made when it was
 *   built, while making one takes longer than checking a document by it.
 * @param what names the document in errors, for example "network config".
 * @throws CniError code 6 (a value has the wrong type) or 7 (the value is not acceptable), naming the key.
 */
export function decode<Schema extends z.core.$ZodType>(
  schema: Schema,
  document: JsonValue,
  what = "network config",
): z.core.output<Schema> {
  const outcome = z.safeParse(schema, folded(document, schema));
  if (outcome.success) return outcome.data;
  const issue = outcome.error.issues[0];
  if (issue === undefined) throw new CniError(ErrorCode.decodingFailure, `cannot decode ${what}`);
  const where = issue.path.length === 0 ? what : `${what}: ${pathText(issue.path)}`;
  if (issue.code === "custom" && issue.message !== "Invalid input") {
    throw new CniError(
      ErrorCode.invalidConfig,
      `${where}: ${issue.message}`,
      "correct this value in the config",
    );
  }
  const value = valueAt(document, issue.path);
  const wanted = wantedText(issue);
  throw new CniError(
    ErrorCode.decodingFailure,
    value === undefined ? `${where} is missing` : `${where}: expected ${wanted}, got ${describe(value)}`,
    value === undefined ? `it has to be ${wanted}` : "correct this value in the config",
  );
}

function wantedText(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type") {
    const names: Record<string, string> = {
      int: "an integer",
      number: "an integer",
      object: "an object",
      array: "a list",
      string: "a string",
      boolean: "true or false",
      record: "an object",
    };
    return names[issue.expected] ?? issue.expected;
  }
  return issue.code === "custom" ? "an object" : "another value";
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`))
    .join("")
    .replace(/^\./, "");
}

function valueAt(document: JsonValue, path: readonly PropertyKey[]): JsonValue | undefined {
  let value: JsonValue | undefined = document;
  for (const part of path) {
    if (Array.isArray(value) && typeof part === "number") value = value[part];
    else if (isJsonObject(value) && typeof part === "string") {
      value = memberOf(value, part);
    } else return undefined;
  }
  return value ?? undefined;
}

function describe(value: JsonValue): string {
  if (value instanceof JsonNumber) return `the number ${value.source}`;
  if (Array.isArray(value)) return "a list";
  if (isJsonObject(value)) return "an object";
  if (typeof value === "string") return `the string ${JSON.stringify(value.slice(0, 60))}`;
  return typeof value === "number" ? `the number ${value}` : String(value);
}
