/** `mutant-tool.ts NUMBER REAL-PLUGIN`: the mutant of that number in mutants.ts, as a CNI plugin. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeSync } from "node:fs";
import { mutants } from "./mutants.ts";
import type { Answer, Request } from "./mutation.ts";

const [number, real = ""] = process.argv.slice(2);
const mutation = mutants[Number(number)]?.mutation;
if (mutation === undefined) throw new Error(`there is no mutant ${number}`);

const env: Record<string, string> = {};
for (const [name, value] of Object.entries(process.env)) if (value !== undefined) env[name] = value;
const given: Request = { env, stdin: env["CNI_COMMAND"] === "VERSION" ? "" : readFileSync(0, "latin1") };
const request = mutation.request?.(given) ?? given;
const real_ = mutation.instead?.(request) ?? ask(request);
const answer = mutation.answer?.(real_, request) ?? real_;
if (answer.stderr !== "") writeSync(2, answer.stderr);
if (answer.stdout !== "") writeSync(1, answer.stdout);
process.exitCode = answer.status;

function ask({ env: variables, stdin }: Request): Answer {
  const done = spawnSync(real, { env: variables, input: Buffer.from(stdin, "latin1"), encoding: "utf8" });
  return { status: done.status ?? 1, stdout: done.stdout, stderr: done.stderr };
}
