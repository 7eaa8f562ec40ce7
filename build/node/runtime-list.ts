import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "@babel/parser";
import { isNode, type Node } from "../sources/syntax-tree.ts";

/** Where the list is. */
export const runtimeListFile = join(import.meta.dirname, "../../shared/runtime/README.md");

/** Parts of the list: what a program has under a name of Node's, and which file of shared/runtime has it. */
const sections: readonly { readonly title: string; readonly file: string; readonly only?: string }[] = [
  { title: "node:fs", file: "fs.ts" },
  { title: "What node:fs returns", file: "file-status.ts" },
  { title: "node:os", file: "os.ts" },
  { title: "node:path", file: "path.ts" },
  { title: "node:sea", file: "sea.ts" },
  { title: "Buffer", file: "buffer.ts", only: "Buffer" },
  { title: "process", file: "process.ts", only: "Process" },
  { title: "TextDecoder and TextEncoder", file: "text-coding.ts" },
];

const introduction = `# What programs in executables have of Node

<!-- \`npm run runtime-list\` writes this from the exports and docstrings of this folder: change those. -->

Executables have no library of Node's, but this, under the names that it has in Node. It does what Node's does as far as
the compiler lets it be called (\`tsconfig.executable.json\`), and the tests compare it; where more differs, it is said.
Nothing else of Node is there.

A module is evaluated when an executable is built, and what it holds then is what every start finds. Outside of functions
that \`atStart\` calls it must not touch the environment, arguments, clock, randomness, files or native code, nor keep a
function that does: the build stops, with file and line (\`build/node/guards.ts\`).
`;

/** The text of shared/runtime/README.md. */
export function runtimeList(): string {
  const read = (file: string): string =>
    readFileSync(join(import.meta.dirname, "../../shared/runtime", file), "utf8");
  const aliases = new Map(sections.flatMap(({ file }) => [...typeAliases(read(file))]));
  const parts = sections.map(
    ({ title, file, only }) => `## ${title}\n\n${listOf(read(file), aliases, only)}\n`,
  );
  return [introduction, ...parts].join("\n");
}

/**
 * What a module says of itself, and a line for each of its exports and their members, with their docstrings.
 *
 * @param aliases what stands in place of names of types.
 * @param only the name of a class or interface, whose members are all that is listed.
 */
export function listOf(text: string, aliases: ReadonlyMap<string, string>, only?: string): string {
  const statements = statementsOf(text);
  const [about] = statements.flatMap(commentsOf).filter(isAbout);
  const lines = withoutImplementations(statements.flatMap(declaredBy)).flatMap((found) => {
    if (only !== undefined) return found.name === only ? membersOf(found.node, text, "") : [];
    return found.isExported ? linesOf(found, text) : [];
  });
  const shown = lines.map((line) =>
    line.replaceAll(/(?<=`.*)\b[A-Z]\w+\b(?=.*`)/g, (name) => aliases.get(name) ?? name),
  );
  return [...(about === undefined ? [] : [about, ""]), ...shown].join("\n");
}

/** The names that a module gives to types, with what they stand for. */
export function typeAliases(text: string): ReadonlyMap<string, string> {
  const declared = statementsOf(text).flatMap(declaredBy);
  return new Map(
    declared.flatMap(({ name, node: { type, typeAnnotation } }): [string, string][] =>
      type === "TSTypeAliasDeclaration" && isNode(typeAnnotation)
        ? [[name, text.slice(typeAnnotation.start, typeAnnotation.end)]]
        : [],
    ),
  );
}

function statementsOf(text: string): readonly Node[] {
  const { program } = parse(text, { sourceType: "module", plugins: ["typescript"], attachComment: true });
  return nodesIn(program.body);
}

/** Whether a docstring is about all of a module. */
function isAbout(docs: string): boolean {
  return docs.includes("as far as plugins use it");
}

/** Something with a name, and its docstring. */
interface Declared {
  readonly name: string;
  readonly node: Node;
  readonly docs: string;
  readonly isExported: boolean;
}

function declaredBy(statement: Node): readonly Declared[] {
  const isExported = statement.type === "ExportNamedDeclaration";
  const { declaration } = statement;
  const declared = isExported ? declaration : statement;
  if (!isNode(declared)) return [];
  const docs = docstringOf(statement);
  const all = declared.type === "VariableDeclaration" ? nodesIn(declared["declarations"]) : [declared];
  return all.flatMap((node) => {
    const { id } = node;
    return isNode(id) ? [{ name: String(id["name"]), node, docs, isExported }] : [];
  });
}

/** Of a function with several signatures, the body's is for nobody. */
function withoutImplementations(all: readonly Declared[]): readonly Declared[] {
  const overloaded = new Set(
    all.flatMap(({ name, node }) => (/^TSDeclare(Function|Method)$/.test(node.type) ? [name] : [])),
  );
  return all.filter(
    ({ name, node }) => !(overloaded.has(name) && /^(FunctionDeclaration|ClassMethod)$/.test(node.type)),
  );
}

function linesOf({ name, node, docs }: Declared, text: string): readonly string[] {
  const { type, id, init } = node;
  if (type === "ClassDeclaration") return [lineOf(`class ${name}`, docs), ...membersOf(node, text, "  ")];
  if (/Function$|^FunctionDeclaration$/.test(type) && isNode(id)) {
    return [lineOf(signature(text, id.start, node), docs)];
  }
  if (!isNode(init) || init.type !== "ObjectExpression") return [];
  const names = nodesIn(init["properties"]).flatMap(({ key }) => (isNode(key) ? [String(key["name"])] : []));
  return [lineOf(`${name}: ${names.join(", ")}`, docs)];
}

/** The public members of a class or interface. */
function membersOf({ body }: Node, text: string, indent: string): readonly string[] {
  const members = isNode(body) ? nodesIn(body["body"]) : [];
  const named = members.flatMap((node) => {
    const { key } = node;
    const isPublic = isNode(key) && key.type === "Identifier" && key["name"] !== "constructor";
    return isPublic ? [{ name: String(key["name"]), node, docs: docstringOf(node), isExported: true }] : [];
  });
  return withoutImplementations(named).map(({ node, docs }) =>
    lineOf(signature(text, node.start, node).replace(/^(declare|override|readonly) /, ""), docs, indent),
  );
}

function lineOf(shown: string, docs: string, indent = ""): string {
  return `${indent}- \`${shown}\`${docs === "" ? "" : `: ${docs}`}`;
}

/** From a place on what is declared, on one line and without a body. */
function signature(text: string, start: number, { end, body }: Node): string {
  return text
    .slice(start, isNode(body) ? body.start : end)
    .replaceAll(/\s+/g, " ")
    .replaceAll("( ", "(")
    .replaceAll(/,? \)/g, ")")
    .replace(/[ ;]*$/, "");
}

function docstringOf(node: Node): string {
  const docs = commentsOf(node).at(-1) ?? "";
  return isAbout(docs) ? "" : docs;
}

/** The docstrings before a part of a program. */
function commentsOf({ leadingComments }: Node): readonly string[] {
  return nodesIn(leadingComments).flatMap(({ value }) =>
    typeof value === "string" && value.startsWith("*")
      ? [
          value
            .slice(1)
            .replaceAll(/\s*\n \*\s*/g, " ")
            .trim(),
        ]
      : [],
  );
}

function nodesIn(value: unknown): readonly Node[] {
  return Array.isArray(value) ? value.filter(isNode) : [];
}
