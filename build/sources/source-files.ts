import { globSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

interface SourceFile {
  /** Path from the repository's root. */
  name: string;
  path: string;
}

/** Every TypeScript file of the repository, sorted by name. */
export function sourceFiles(): SourceFile[] {
  const names = globSync("{plugins,shared,build,conformance}/**/*.ts", { cwd: root });
  return names.sort().map((name) => ({ name, path: join(root, name) }));
}
