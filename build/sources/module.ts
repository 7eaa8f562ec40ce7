import { posix } from "node:path";
import { parse } from "@babel/parser";
import { isNode, type Node } from "./syntax-tree.ts";

/** What a module takes from another one. */
export interface Import {
  /** As it is written: a path or a package. */
  readonly name: string;
  /** The other module's path from the repository's root; undefined for a package. */
  readonly path: string | undefined;
  /** Names of its exports; undefined when it may be any of them. */
  readonly names: readonly string[] | undefined;
}

/** A module as its imports and exports say it, for types and values alike. */
export interface Module {
  /** From the repository's root. */
  readonly path: string;
  readonly imports: readonly Import[];
  /** Names that are declared and exported here. */
  readonly exports: readonly string[];
  /** Names that are used here, beside their declarations. */
  readonly used: ReadonlySet<string>;
  /** Constants of the outermost level that are numbers, and called as the kernel's headers call theirs. */
  readonly kernelConstants: readonly string[];
}

/** Reads a TypeScript module. Throws for one that cannot be parsed. */
export function moduleOf(path: string, text: string): Module {
  const { program } = parse(text, { sourceType: "module", plugins: ["typescript"], sourceFilename: path });
  const statements = nodesIn(program.body);
  const imports = [...statements.flatMap(importsOf), ...calledImports(program)].map(({ name, names }) => ({
    name,
    names,
    path: name.startsWith(".") ? posix.join(posix.dirname(path), name) : undefined,
  }));
  return {
    path,
    imports,
    exports: statements.flatMap(exportsOf),
    used: usedNames(statements),
    kernelConstants: statements.flatMap(kernelConstantsOf),
  };
}

type Written = Pick<Import, "name" | "names">;

function importsOf(statement: Node): readonly Written[] {
  if (!isNode(statement["source"])) return [];
  const name = String(statement["source"]["value"]);
  const specifiers = nodesIn(statement["specifiers"]);
  const isAny =
    statement.type === "ExportAllDeclaration" ||
    specifiers.some(({ type }) => type === "ImportNamespaceSpecifier" || type === "ExportNamespaceSpecifier");
  if (isAny) return [{ name, names: undefined }];
  const side = statement.type === "ImportDeclaration" ? "imported" : "local";
  return [{ name, names: specifiers.map((one) => nameOf(one[side]) ?? "default") }];
}

/** Of `import()` and `require()`, anywhere: what they give may be used in any way. */
function calledImports(node: unknown): readonly Written[] {
  if (Array.isArray(node)) return node.flatMap(calledImports);
  if (!isNode(node)) return [];
  const callee = node["callee"];
  const called = isNode(callee) && (callee.type === "Import" || nameOf(callee) === "require");
  const [argument] = called ? nodesIn(node["arguments"]) : [];
  const name = argument?.["value"];
  const own: readonly Written[] = typeof name === "string" ? [{ name, names: undefined }] : [];
  return [...own, ...Object.values(node).flatMap(calledImports)];
}

function exportsOf(statement: Node): readonly string[] {
  if (statement.type === "ExportDefaultDeclaration") return ["default"];
  if (statement.type !== "ExportNamedDeclaration") return [];
  const { declaration } = statement;
  const names = isNode(declaration)
    ? declared(declaration).map(({ id }) => nameOf(id))
    : nodesIn(statement["specifiers"]).map(({ exported }) => nameOf(exported));
  return [...new Set(names.flatMap((name) => (name === undefined ? [] : [name])))];
}

/** Names in the code of a module, but for those under which its outermost level declares or exports something. */
function usedNames(statements: readonly Node[]): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    if (!isNode(value) || value.type === "ExportSpecifier") return;
    if (value.type === "Identifier") names.add(String(value["name"]));
    Object.values(value).forEach(visit);
  };
  for (const statement of statements) {
    const { declaration } = statement;
    for (const node of declared(isNode(declaration) ? declaration : statement))
      visit({ ...node, id: undefined });
  }
  return names;
}

function kernelConstantsOf(statement: Node): readonly string[] {
  const { declaration } = statement;
  return declared(isNode(declaration) ? declaration : statement).flatMap(({ id, init }) => {
    const name = nameOf(id);
    return name !== undefined && /^[A-Z][A-Z0-9_]+$/.test(name) && isNumber(init) ? [name] : [];
  });
}

/** A number, or something that is made of numbers. */
function isNumber(value: unknown): boolean {
  if (!isNode(value)) return false;
  if (value.type === "BinaryExpression") return isNumber(value["left"]) && isNumber(value["right"]);
  if (value.type === "UnaryExpression") return isNumber(value["argument"]);
  return value.type === "NumericLiteral" || value.type === "BigIntLiteral";
}

function declared(node: Node): readonly Node[] {
  return node.type === "VariableDeclaration" ? nodesIn(node["declarations"]) : [node];
}

function nameOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  const name = node["name"] ?? node["value"];
  return typeof name === "string" ? name : undefined;
}

function nodesIn(value: unknown): readonly Node[] {
  return Array.isArray(value) ? value.filter(isNode) : [];
}
