import { parse } from "@babel/parser";
import { isNode, type Node } from "../sources/syntax-tree.ts";

/** A function of a script or module, or a field of a class. */
export interface NamedFunction {
  /**
   * The names around it and its own, such as `Reader.readNumber`; what has none has a number within what is around it,
   * such as `Reader.readNumber/1`. A name that comes again has a number too: `read#2`.
   */
  readonly name: string;
  /** From its first character to behind its last. */
  readonly start: number;
  readonly end: number;
  readonly isField: boolean;
  /** Other places where it can be said to begin: its name, or what declares or exports it. */
  readonly beginnings: readonly number[];
}

/** What contains functions. */
class Scope {
  readonly name: string;
  readonly #uses = new Map<string, number>();

  constructor(name: string) {
    this.name = name;
  }

  /** What is in it by a name, or without one. */
  within(name: string | undefined): Scope {
    const count = (this.#uses.get(name ?? "") ?? 0) + 1;
    this.#uses.set(name ?? "", count);
    if (name === undefined) return new Scope(`${this.name}/${count}`);
    const whole = this.name === "" ? name : `${this.name}.${name}`;
    return new Scope(count === 1 ? whole : `${whole}#${count}`);
  }
}

/** Finds the functions, methods and arrow functions of a script or module, and the fields of its classes. */
export function namedFunctions(text: string): readonly NamedFunction[] {
  const found: NamedFunction[] = [];
  /** @param named what declares it and has its name, if something does, and what is around that. */
  const visit = (value: unknown, around: Scope, named: readonly Node[] = []): void => {
    if (Array.isArray(value)) {
      for (const item of value) visit(item, around);
      return;
    }
    if (!isNode(value)) return;
    const { type, start, end, key, id, params } = value;
    const isTransparent = /^(Export\w+Declaration|TS(As|Satisfies)Expression)$/.test(type);
    const isFunction = /Function|^(Class|Object)(Private)?Method$/.test(type);
    const isNamed = named.some(({ type }) => namingTypes.test(type));
    const own = nameOf(value);
    const isScope = isFunction || /^Class(Declaration|Expression)$/.test(type);
    const scope = isScope && isNamed ? around : own !== undefined || isScope ? around.within(own) : around;
    const before = [...named, value];
    if (isFunction) {
      const beginnings = [...named, key, id, Array.isArray(params) ? params[0] : undefined].flatMap((node) =>
        isNode(node) ? [node.start] : [],
      );
      found.push({ name: scope.name, start, end, isField: false, beginnings });
    }
    if (/^Class(Private)?Property$/.test(type)) {
      found.push({ name: scope.name, start, end, isField: true, beginnings: [] });
    }
    for (const child of Object.values(value)) {
      const isDirect = child === value["init"] || child === value["value"] || child === value["right"];
      const isKept = isTransparent || (namingTypes.test(type) && isDirect && own !== undefined);
      visit(child, scope, isKept ? before : []);
    }
  };
  visit(parse(text, { sourceType: "unambiguous", plugins: ["typescript"] }).program, new Scope(""));
  return found;
}

/** What gives its name to a function or class that is its value. */
const namingTypes = /^(VariableDeclarator|ObjectProperty|Class(Private)?Property|AssignmentExpression)$/;

function nameOf({ type, id, key, left, computed }: Node): string | undefined {
  if (/^(VariableDeclarator|Function|Class(Declaration|Expression))/.test(type)) return plainName(id);
  if (/(Property|Method)$/.test(type)) return computed === true ? undefined : plainName(key);
  return type === "AssignmentExpression" ? plainName(left) : undefined;
}

function plainName(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  const { type, name, value, id, property, computed } = node;
  if (type === "Identifier" && typeof name === "string") return name;
  if (type === "StringLiteral" && typeof value === "string" && /^[\w$]+$/.test(value)) return value;
  if (type === "PrivateName" && isNode(id)) return `#${id["name"]}`;
  return type === "MemberExpression" && computed !== true ? plainName(property) : undefined;
}
