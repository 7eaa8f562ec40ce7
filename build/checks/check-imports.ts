/** `npm run imports`: fails when a source file uses what it must not use, or is used by nothing. */
import { readFileSync } from "node:fs";
import { moduleOf } from "../sources/module.ts";
import { sourceFiles } from "../sources/source-files.ts";
import { importProblems } from "./import-rules.ts";
import { graphProblems } from "./module-graph.ts";

const files = sourceFiles().map(({ name, path }) => {
  const text = readFileSync(path, "utf8");
  return { name, text, module: moduleOf(name, text) };
});
const problems = [
  ...files.flatMap(({ name, text, module }) => importProblems(name, text, module)),
  ...graphProblems(files.map(({ module }) => module)),
];
for (const problem of problems) console.error(problem);
console.log(`${files.length} source files, ${problems.length} problems with imports`);
if (problems.length > 0 || files.length === 0) process.exitCode = 1;
