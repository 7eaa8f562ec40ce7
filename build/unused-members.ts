import { parse } from "@babel/parser";
import { isNode } from "./syntax-tree.ts";

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

interface Member {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  /** What its text names. */
  readonly mentions: ReadonlySet<string>;
}

/**
 * Leaves out of a script the methods and accessors of classes that nothing can call: those whose names occur nowhere
 * else, as an identifier or a string, but in others that are left out. In their places it has spaces: nothing else moves, and a
 * source map stays true. The script must not put names of methods together from parts. What a bundler leaves out are only whole classes.
 */
export function withoutUnusedMembers(script: string): string {
  const members: Member[] = [];
  const reached = mentionsOf(parse(script).program.body, members);
  const waiting = new Set(members);
  for (;;) {
    const found = [...waiting].filter(({ name }) => reached.has(name));
    if (found.length === 0) break;
    for (const member of found) {
      waiting.delete(member);
      for (const name of member.mentions) reached.add(name);
    }
  }
  const kept: string[] = [];
  let at = 0;
  for (const { start, end } of [...waiting].sort((a, b) => a.start - b.start)) {
    kept.push(script.slice(at, start), script.slice(start, end).replaceAll(/[^\n]/g, " "));
    at = end;
  }
  return [...kept, script.slice(at)].join("");
}

/** All names in a syntax tree but those within methods of classes, which are put to `members` with their own. */
function mentionsOf(tree: unknown, members: Member[]): Set<string> {
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
