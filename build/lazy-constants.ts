import { readFileSync } from "node:fs";
import type { Plugin } from "esbuild";

/**
 * Has the package ip-address make its tables of subnets when one is asked for. It parses about 90 of them when it is
 * loaded, which takes 1 ms of every start, for questions that a plugin never asks.
 */
export const lazyConstants: Plugin = {
  name: "lazy constants",
  setup({ onLoad }) {
    onLoad({ filter: /\/ip-address\/dist\/ipv[46]\.js$/ }, ({ path }) => {
      return { contents: delayConstants(readFileSync(path, "utf8")), loader: "js" };
    });
  },
};

/** Turns a module's top-level constants with names in CAPITALS into values made on first use. Throws without any. */
export function delayConstants(source: string): string {
  const names: string[] = [];
  const declared = source.replace(
    /^const ([A-Z][A-Z0-9_]*) = ([^;]*);$/gm,
    (_, name: string, value: string) => {
      names.push(name);
      return `let made_${name}; const get_${name} = () => made_${name} ??= ${value};`;
    },
  );
  if (names.length === 0) throw new Error("no constants to delay: has the package changed?");
  return declared.replace(new RegExp(`(?<![.\\w$])(?:${names.join("|")})(?![\\w$])`, "g"), "get_$&()");
}
