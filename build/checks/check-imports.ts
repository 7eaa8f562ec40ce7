/** `npm run imports`: fails when a source file uses what its layer must not use. */
import { readFileSync } from "node:fs";
import { sourceFiles } from "../sources/source-files.ts";
import { importProblems } from "./import-rules.ts";

const files = sourceFiles();
const problems = files.flatMap(({ name, path }) => importProblems(name, readFileSync(path, "utf8")));
for (const problem of problems) console.error(problem);
console.log(`${files.length} source files, ${problems.length} problems with imports`);
if (problems.length > 0 || files.length === 0) process.exitCode = 1;
