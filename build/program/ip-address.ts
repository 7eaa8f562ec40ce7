import { readFileSync } from "node:fs";
import type { Plugin } from "esbuild";

/**
 * Has the package ip-address bundled as ES modules, of which esbuild leaves out what nobody imports, and has it make its
 * tables of subnets when one is asked for. It parses about 90 of them when it is loaded, which takes 1 ms of every
 * start, for questions that a plugin never asks.
 */
export const ipAddress: Plugin = {
  name: "ip-address",
  setup({ onLoad }) {
    onLoad({ filter: /\/ip-address\/dist\/.*\.js$/ }, ({ path }) => {
      const module = asModule(readFileSync(path, "utf8"));
      const hasTables = /ipv[46]\.js$/.test(path);
      return { contents: hasTables ? delayConstants(module) : module, loader: "js" };
    });
  },
};

/** Turns a CommonJS module, as TypeScript writes them, into an ES module. Throws when something is left of CommonJS. */
export function asModule(source: string): string {
  const module = source
    // It leads to files that are not in the package.
    .replace(/^\/\/# sourceMappingURL=.*$/gm, "")
    .replace(/^Object\.defineProperty\(exports, "__esModule", .*$/gm, "")
    .replace(/^(?:exports\.\w+ = )+void 0;$/gm, "")
    .replace(
      /^(?:const|var) (\w+) = (?:__importStar\()?require\(("[^"]*")\)\)?;$/gm,
      "import * as $1 from $2;",
    )
    .replace(
      /^Object\.defineProperty\(exports, "(\w+)", \{ enumerable: true, get: function \(\) \{ return (\w+)\.\1; \} \}\);$/gm,
      "export const $1 = $2.$1;",
    )
    .replace(/^exports\.(\w+) = \1;$/gm, "export { $1 };")
    .replace(/^exports\.(\w+) = /gm, "export const $1 = ");
  const left = module.match(/.*\b(?:exports\b|require\().*/);
  if (left !== null) throw new Error(`not as TypeScript writes CommonJS: ${left[0].trim()}`);
  return module;
}

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
