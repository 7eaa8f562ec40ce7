/**
 * `mutant-tool.ts NUMBER REAL-PLUGIN LOG`: the mutant of that number in mutants.ts, as a CNI plugin. Notes in LOG when
 * a call begins and when it is answered, or why the tool itself broke (see bin-dir.ts).
 */
import { spawnSync } from "node:child_process";
import { appendFileSync, readFileSync, writeSync } from "node:fs";
import { mutants } from "./mutants.ts";
import type { Answer, Request } from "./mutation.ts";

const [number, real = "", log = ""] = process.argv.slice(2);
try {
  appendFileSync(log, "begun\n");
  process.exitCode = play();
  appendFileSync(log, "answered\n");
} catch (error) {
  const [cause] = String(error).split("\n");
  appendFileSync(log, `broken: ${cause}\n`);
  throw error;
}

/** Answers one call; returns the exit status. */
function play(): number {
  const mutation = mutants[Number(number)]?.mutation;
  if (mutation === undefined) throw new Error(`there is no mutant ${number}`);
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined) env[name] = value;
  const given: Request = { env, stdin: env["CNI_COMMAND"] === "VERSION" ? "" : readFileSync(0, "latin1") };
  const request = mutation.request?.(given) ?? given;
  const asked = mutation.instead?.(request) ?? ask(request);
  const { status, stdout, stderr } = mutation.answer?.(asked, request) ?? asked;
  if (stderr !== "") writeSync(2, stderr);
  if (stdout !== "") writeSync(1, stdout);
  return status;
}

function ask({ env, stdin }: Request): Answer {
  const done = spawnSync(real, { env, input: Buffer.from(stdin, "latin1"), encoding: "utf8" });
  // A plugin may answer without reading its input.
  if (done.status === null) throw done.error ?? new Error(`${real} was ended by ${done.signal}`);
  return { status: done.status, stdout: done.stdout, stderr: done.stderr };
}
