/** What is wrong among modules: cycles, exports that nothing needs, constants of the kernel's that are there twice. */
import type { Import, Module } from "../sources/module.ts";
import { isProgram, isTest } from "./import-rules.ts";

/** Files and exports that no import of the program shows to be needed, with the reason for each. */
const needed: Readonly<Record<string, string>> = {
  "shared/runtime/globals.ts": "esbuild puts them in place of Node's globals (build/program/bundle.ts)",
  "shared/cni/built-in.ts addBuiltIn": "the entry that build/program/bundle.ts writes calls it",
  "build/checks/documents.ts": "a check that its test makes",
  "build/node/free-names.ts": "a check that its test makes",
  "build/program/cold-functions.ts staleEntries": "a check that a test makes",
  "build/node/addon-code.ts assembly": "the text of the code beside it, as a test shows",
  "build/node/entry-code.ts assembly": "the text of the code beside it, as a test shows",
};

/** All that is wrong, a sentence each. */
export function graphProblems(modules: readonly Module[]): readonly string[] {
  return [...cycles(modules), ...deadExports(modules), ...repeatedConstants(modules)];
}

/** Imports that lead back to where they came from, of types as well as values. */
function cycles(modules: readonly Module[]): readonly string[] {
  const byPath = new Map(modules.map((module) => [module.path, module]));
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, way: readonly string[]): void => {
    const at = way.indexOf(path);
    if (at >= 0) found.push(`a cycle: ${[...way.slice(at), path].join(" → ")}`);
    if (at >= 0 || done.has(path)) return;
    for (const { path: next } of byPath.get(path)?.imports ?? []) {
      if (next !== undefined) visit(next, [...way, path]);
    }
    done.add(path);
  };
  for (const { path } of modules) visit(path, []);
  return found;
}

/**
 * Exports that no other module imports; and those that only tests do, when their own module does not use them either.
 * What is tested within a module may be exported for its tests.
 */
function deadExports(modules: readonly Module[]): readonly string[] {
  const byPath = new Map(modules.map((module) => [module.path, module]));
  const users = new Map<string, string[]>();
  for (const { path, imports } of modules) {
    for (const one of imports) {
      const target = byPath.get(targetOf(path, one) ?? "");
      for (const name of one.names ?? target?.exports ?? []) {
        const key = `${target?.path} ${name}`;
        users.set(key, [...(users.get(key) ?? []), path]);
      }
    }
  }
  return modules.flatMap(({ path, exports, used }) =>
    exports.flatMap((name) => {
      const key = `${path} ${name}`;
      if (path in needed || key in needed) return [];
      const by = users.get(key) ?? [];
      if (by.length === 0) return [`${path} exports ${name}, which nothing imports`];
      const isForTests = isTest(path) || path.startsWith("conformance/");
      if (isForTests || used.has(name) || !by.every(isTest)) return [];
      return [`${path} exports ${name}, which only tests use: ${by.join(", ")}`];
    }),
  );
}

/** In executables, modules of Node's are those of shared/runtime. */
function targetOf(from: string, { name, path }: Import): string | undefined {
  return isProgram(from) && name.startsWith("node:") ? `shared/runtime/${name.slice(5)}.ts` : path;
}

function repeatedConstants(modules: readonly Module[]): readonly string[] {
  const places = new Map<string, string[]>();
  for (const { path, kernelConstants } of modules) {
    if (!isProgram(path)) continue;
    for (const name of kernelConstants) places.set(name, [...(places.get(name) ?? []), path]);
  }
  return [...places].flatMap(([name, paths]) =>
    paths.length > 1 ? [`${name} is declared more than once: ${paths.join(", ")}`] : [],
  );
}
