/** Paths of this repository that a document names. */
import { existsSync } from "node:fs";
import { join } from "node:path";

/** Folders in which named paths begin, and files at the top. */
const own = /^(plugins|shared|build|conformance)\/|^[A-Z]+\.md$/;

/** Paths in code spans and links of a Markdown text, as far as they are of this repository. */
export function namedPaths(markdown: string): string[] {
  const withoutBlocks = markdown.replaceAll(/^```[\s\S]*?^```/gm, "");
  const spans = [...withoutBlocks.matchAll(/`([^`\s]+)`|\]\(([^)\s#]+)[^)]*\)/g)];
  const names = spans.map(([, code, link]) => code ?? link ?? "");
  return [
    ...new Set(names.filter((name) => own.test(name) && !name.includes("NAME") && !name.includes("*"))),
  ];
}

/** Those that are not there, below a root. */
export function missingPaths(root: string, markdown: string): string[] {
  return namedPaths(markdown).filter((path) => !existsSync(join(root, path)));
}
