import { statSync, writeSync } from "node:fs";
import { constants } from "node:os";
import { lazy } from "../basics/lazy.ts";
import { errorText } from "../errors/failure.ts";
import { isErrno, SystemError } from "../errors/system-error.ts";
import type { ChildOutcome } from "../linux/child.ts";
import { type KnownChildOptions, runChild } from "../linux/child-process.ts";
import { isNoProgram, startFailure } from "../linux/start-failure.ts";
import { sleep } from "../linux/wait.ts";
import { withListUnderBothNames } from "./attachments.ts";
import { runBuiltIn } from "./built-in.ts";
import { configObject, decode, optionalInteger, optionalText } from "./config-schema.ts";
import type { Command } from "./environment.ts";
import { CniError, ErrorCode } from "./errors/cni-error.ts";
import { isJsonObject, type JsonObject, readJson } from "./json-read.ts";
import type { Request } from "./plugin.ts";
import type { Result } from "./result.ts";
import { parseResult } from "./result-parse.ts";

/** An IPAM plugin as a configuration names it. */
export interface Ipam {
  /** Its file name in `CNI_PATH`. */
  readonly type: string;
  /** It may work in this process where nothing can tell the difference. Default: false. */
  readonly inProcess?: boolean;
}

/**
 * Calls the IPAM plugin with ADD and returns its result in the newest form (CNI SPEC 1.1.0, "Section 4").
 *
 * @throws CniError with the delegate's own code and message when it reported one.
 */
export function delegateAdd(request: Request, ipam: Ipam): Result {
  const { type } = ipam;
  const stdout = callDelegate(request, ipam, "ADD");
  const document = parseStdout(type, stdout);
  const version = document["cniVersion"];
  const written = typeof version === "string" && version !== "" ? version : request.cniVersion;
  return parseResult(document, written, `the result of IPAM plugin "${type}"`);
}

/** Calls the IPAM plugin with a command that has no result. Throws like `delegateAdd`. */
export function delegate(
  request: Request,
  ipam: Ipam,
  command: Exclude<Command, "ADD" | "GC" | "VERSION">,
): void {
  callDelegate(request, ipam, command);
}

/**
 * Has the IPAM plugin collect what is stale. One that is not installed, or that does not know GC (code 4, which plugins
 * from before specification 1.1.0 answer), has nothing that could be collected. Throws like `delegateAdd`.
 */
export function delegateGc(request: Request, ipam: Ipam): void {
  if (fileOfPlugin(ipam.type, request.path) === undefined) return;
  try {
    callDelegate(withListUnderBothNames(request), ipam, "GC");
  } catch (error) {
    if (!(error instanceof CniError && error.code === ErrorCode.invalidEnvironment)) throw error;
  }
}

function callDelegate(request: Request, { type, inProcess = false }: Ipam, command: Command): string {
  const executable = findPlugin(type, request.path);
  const env = { ...process.env, CNI_COMMAND: command };
  const options = { env, input: request.stdin };
  const outcome = (inProcess ? runBuiltIn(executable, options) : undefined) ?? run(executable, options);
  if (outcome.status !== 0) throw delegateFailure(type, outcome);
  if (outcome.stderr !== "") passOn(outcome.stderr);
  return outcome.stdout;
}

function run(executable: string, options: KnownChildOptions): ChildOutcome {
  for (let attempt = 1; ; attempt++) {
    try {
      return runChild(executable, [], options);
    } catch (error) {
      // The file is being replaced this moment.
      if (isErrno(error, "ETXTBSY") && attempt < 6) sleep(200);
      else if (!isNoProgram(error) && !isErrno(error, "EACCES", "ETXTBSY")) {
        throw startFailure(`IPAM plugin ${executable}`, error);
      } else {
        throw new CniError(
          ErrorCode.programMissing,
          `cannot run IPAM plugin ${executable}: ${error instanceof SystemError ? error.errno : errorText(error)}`,
          "it must be an executable file for this machine",
        );
      }
    }
  }
}

/** Writes a delegate's warnings. Standard error may be closed: that is no reason to fail after it succeeded. */
function passOn(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // Nobody reads them.
  }
}

/** Finds a plugin's file in `CNI_PATH`, first directory first. Throws CniError. */
function findPlugin(type: string, path: string): string {
  const file = fileOfPlugin(type, path);
  if (file !== undefined) return file;
  throw new CniError(
    ErrorCode.programMissing,
    `failed to find plugin ${JSON.stringify(type)} in path [${path.split(":").join(" ")}]`,
    `install ${type} there, or add its directory to the runtime's plugin path (CNI_PATH)`,
  );
}

/** Undefined when no directory has it. Throws CniError for what can be no plugin's name. */
function fileOfPlugin(type: string, path: string): string | undefined {
  if (type === "" || type.includes("/") || type.includes("\0") || type === "." || type === "..") {
    throw new CniError(
      ErrorCode.invalidConfig,
      `invalid plugin name: ${JSON.stringify(type)}`,
      "ipam.type is the file name of a plugin in CNI_PATH",
    );
  }
  const files = path.split(":").map((directory) => `${directory === "" ? "." : directory}/${type}`);
  return files.find(isFile);
}

/** A place that cannot be looked at holds no plugin, whatever the cause. */
function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  } catch {
    return false;
  }
}

function parseStdout(type: string, stdout: string): JsonObject {
  try {
    const document = readJson(stdout);
    if (document === null) return {};
    if (isJsonObject(document)) return document;
    throw new Error("it is not an object");
  } catch (error) {
    throw new CniError(
      ErrorCode.decodingFailure,
      `failed to unmarshal raw result: ${errorText(error)}`,
      `IPAM plugin "${type}" must print one JSON object`,
    );
  }
}

const errorObject = lazy(() =>
  configObject({
    code: optionalInteger,
    msg: optionalText,
    details: optionalText,
  }),
);

function delegateFailure(type: string, { stdout, stderr, status, signal }: ChildOutcome): CniError {
  const end = status === null ? `signal ${signalName(signal)}` : `exit status ${status}`;
  if (stdout.trim() !== "") {
    try {
      const reported = decode(errorObject(), readJson(stdout), "error object");
      const { code = ErrorCode.internal, msg = "", details = "" } = reported;
      if (msg === "" && details === "") return silentFailure(type, end);
      const source = `reported by IPAM plugin "${type}"`;
      return new CniError(code, msg, details === "" ? source : `${details} (${source})`);
    } catch (error) {
      return new CniError(
        ErrorCode.programFailed,
        `IPAM plugin "${type}" failed but error parsing its diagnostic message ${JSON.stringify(stdout)}: ${errorText(error)}`,
        `it ended with ${end}`,
      );
    }
  }
  if (stderr !== "") {
    return new CniError(
      ErrorCode.programFailed,
      `IPAM plugin "${type}" failed: ${JSON.stringify(stderr)}`,
      `it ended with ${end}`,
    );
  }
  return silentFailure(type, end);
}

function silentFailure(type: string, end: string): CniError {
  return new CniError(ErrorCode.programFailed, `IPAM plugin "${type}" failed with no error message: ${end}`);
}

function signalName(number: number | null): string {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return found?.[0] ?? String(number);
}
