import { runInNewContext } from "node:vm";
import { parse } from "@babel/parser";
import { isNode, type Node } from "../sources/syntax-tree.ts";

/** The names that JavaScript itself has. */
const globals = new Set<unknown>(Reflect.ownKeys(Object(runInNewContext("globalThis"))));

/**
 * Throws when a script uses a name that neither JavaScript nor the script itself has. For functions that travel as
 * text: they find nothing there of what surrounds them in their source.
 *
 * @param given the names that the script is given besides.
 */
export function checkSelfContained(script: string, given: readonly string[]): void {
  const { program } = parse(script, { allowReturnOutsideFunction: true });
  const free = new Set<string>();
  visit(program, new Set(given), free);
  if (free.size > 0) throw new Error(`not there where this text is evaluated: ${[...free].join(", ")}`);
}

/** Adds the names that a part of a syntax tree uses and nothing around it declares. There must be no `var`. */
function visit(value: unknown, around: ReadonlySet<string>, free: Set<string>): void {
  if (Array.isArray(value)) {
    for (const item of value) visit(item, around, free);
    return;
  }
  // `#name` and `import.meta` are no variables either.
  if (!isNode(value) || /^(PrivateName|MetaProperty)$/.test(value.type)) return;
  const { type, name, computed, shorthand, key, property } = value;
  if (type === "Identifier" && typeof name === "string" && !around.has(name) && !globals.has(name))
    free.add(name);
  const names = new Set([...around, ...declaredBy(value)]);
  for (const child of Object.values(value)) {
    // Names of members are no names of variables.
    const isMemberName = computed !== true && (child === property || (child === key && shorthand !== true));
    if (child !== undefined && !isMemberName) visit(child, names, free);
  }
}

/** What the code within a part of a syntax tree may use because of it: parameters, and what a block declares. */
function declaredBy(node: Node): readonly string[] {
  const { type, id, params, param, init, left, body } = node;
  const own = /Function|Class/.test(type) ? namesIn(id) : [];
  const statements = Array.isArray(body) ? body : [];
  return [
    ...own,
    ...namesIn(params),
    ...namesIn(param),
    ...[init, left, ...statements].flatMap((statement) => {
      if (!isNode(statement)) return [];
      if (statement.type === "VariableDeclaration") return namesIn(statement["declarations"]);
      return /^(Function|Class)Declaration$/.test(statement.type) ? namesIn(statement["id"]) : [];
    }),
  ];
}

/** The names that patterns declare. */
function namesIn(pattern: unknown): readonly string[] {
  if (Array.isArray(pattern)) return pattern.flatMap(namesIn);
  if (!isNode(pattern)) return [];
  const { type, name, id, left, argument, elements, properties, value } = pattern;
  if (type === "Identifier" && typeof name === "string") return [name];
  switch (type) {
    case "VariableDeclarator":
      return namesIn(id);
    case "AssignmentPattern":
      return namesIn(left);
    case "RestElement":
      return namesIn(argument);
    case "ArrayPattern":
      return namesIn(elements);
    case "ObjectPattern":
      return namesIn(properties);
    case "ObjectProperty":
      return namesIn(value);
    default:
      return [];
  }
}
