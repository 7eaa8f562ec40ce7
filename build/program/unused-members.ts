import { parse } from "@babel/parser";
import { isNode } from "../sources/syntax-tree.ts";

/** JavaScript itself calls these by name. */
const calledByTheLanguage = [
  "constructor",
  "next",
  "return",
  "then",
  "throw",
  "toJSON",
  "toString",
  "valueOf",
];

/** A method or accessor of a class, from its first character to the one behind its last. */
interface Member {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

interface FoundMember extends Member {
  /** What its text names. */
  readonly mentions: ReadonlySet<string>;
}

/**
 * Leaves out of a script the methods and accessors of classes that nothing can call. What a bundler leaves out are only
 * whole classes. In their places it has spaces: nothing else moves, and a source map stays true.
 */
export function withoutUnusedMembers(script: string): string {
  const kept: string[] = [];
  let at = 0;
  for (const { start, end } of unusedMembers(script)) {
    kept.push(script.slice(at, start), script.slice(start, end).replaceAll(/[^\n]/g, " "));
    at = end;
  }
  return [...kept, script.slice(at)].join("");
}

/**
 * The methods and accessors of a script's classes that nothing can call: those whose names occur nowhere else, as an
 * identifier or a string, but in others of them. A name that the script may put together from a text and what it only
 * knows when it runs, as in `${encoding}Slice`, counts as one that occurs. One of parts that are all unknown, such as
 * `prefix + name`, cannot be told from any other text: where a member is asked for by one, this throws, but it does not
 * see one that was kept in a variable before. Names from a call's input are no methods' names.
 */
export function unusedMembers(script: string): readonly Member[] {
  const { body } = parse(script).program;
  const members: FoundMember[] = [];
  const reached = mentionsOf(body, members);
  const composed = composedNames(body);
  const waiting = new Set(members);
  for (;;) {
    const found = [...waiting].filter(
      ({ name }) => reached.has(name) || composed.some((pattern) => pattern.test(name)),
    );
    if (found.length === 0) break;
    for (const member of found) {
      waiting.delete(member);
      for (const name of member.mentions) reached.add(name);
    }
  }
  return [...waiting].sort((a, b) => a.start - b.start);
}

/** What the names look like that a script puts together from parts. */
function composedNames(tree: unknown): readonly RegExp[] {
  const found: RegExp[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const item of value) visit(item);
      return;
    }
    if (!isNode(value)) return;
    const { type, computed, property } = value;
    const parts = partsOf(value);
    if (parts !== undefined && isName(parts)) {
      found.push(new RegExp(`^${parts.map((part) => part.replaceAll("$", "\\$")).join(".*")}$`));
    }
    const key = /MemberExpression$/.test(type) && computed === true ? partsOf(property) : undefined;
    if (key?.every((part) => /^[\w$]*$/.test(part)) === true && !isName(key))
      throw new Error(`a member's name is put together from unknown parts, at ${value.start}`);
    for (const child of Object.values(value)) visit(child);
  };
  visit(tree);
  return found;
}

/** Whether a text with these known parts may be a name, and not just any name. */
function isName(parts: readonly string[]): boolean {
  return parts.every((part) => /^[\w$]*$/.test(part)) && parts.some((part) => /[a-z]/i.test(part));
}

/** What is known of a text that is put together, before, between and after its unknown parts. */
function partsOf(value: unknown): readonly string[] | undefined {
  if (!isNode(value)) return undefined;
  const { type, quasis, operator, left, right } = value;
  if (type === "TemplateLiteral" && Array.isArray(quasis) && quasis.length > 1) {
    return quasis.map((quasi: unknown) => String(Reflect.get(Object(quasi)["value"], "cooked")));
  }
  if (type !== "BinaryExpression" || operator !== "+") return undefined;
  const [before, after] = [left, right].map((side) =>
    isNode(side) && side.type === "StringLiteral" ? [String(side["value"])] : partsOf(side),
  );
  // Without a text it may be a sum of numbers.
  if (before === undefined && after === undefined) return undefined;
  const [start, end] = [before ?? ["", ""], after ?? ["", ""]];
  return [...start.slice(0, -1), `${start.at(-1)}${end[0]}`, ...end.slice(1)];
}

/** All names in a syntax tree but those within methods of classes, which are put to `members` with their own. */
function mentionsOf(tree: unknown, members: FoundMember[]): Set<string> {
  const mentions = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const item of value) visit(item);
      return;
    }
    if (!isNode(value)) return;
    const name = memberName(value);
    if (name !== undefined) {
      const { start, end, params, body } = value;
      members.push({ name, start, end, mentions: mentionsOf([params, body], members) });
      return;
    }
    const { type, name: identifier, value: text } = value;
    if (type === "Identifier" && typeof identifier === "string") mentions.add(identifier);
    if (type === "StringLiteral" && typeof text === "string") mentions.add(text);
    for (const child of Object.values(value)) visit(child);
  };
  visit(tree);
  return mentions;
}

/** The name of a method or accessor of a class; undefined for one that may be called by other means, and all else. */
function memberName({ type, computed, key }: Readonly<Record<string, unknown>>): string | undefined {
  if (type !== "ClassMethod" || computed === true || !isNode(key) || key.type !== "Identifier")
    return undefined;
  const { name } = key;
  return typeof name === "string" && !calledByTheLanguage.includes(name) ? name : undefined;
}
