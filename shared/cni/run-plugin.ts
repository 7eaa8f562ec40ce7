import { readSync, statSync, writeSync } from "node:fs";
import { CniError, ErrorCode, errorText } from "../errors/cni-error.ts";
import { nodeErrno } from "../errors/system-error.ts";
import { exit } from "../linux/exit.ts";
import { sleep } from "../linux/wait.ts";
import { validAttachments } from "./attachments.ts";
import { type Environment, isCommand, isIdentifier, readEnvironment } from "./environment.ts";
import { printJson, printJsonLine } from "./json-print.ts";
import { isJsonObject, type JsonObject, JsonSyntaxError, readJson } from "./json-read.ts";
import type { Plugin, RepeatedKey, Request } from "./plugin.ts";
import { reapplyAll } from "./reapply.ts";
import { printResult } from "./result-print.ts";
import { checkVersion, newestVersion } from "./versions.ts";

/** Version of this project; the build puts package.json's in. */
declare const CNI_PLUGINS_VERSION: string | undefined;

/**
 * The life of one plugin process: reads environment and standard input, calls the plugin, writes its result or the
 * error object to standard output (the only place that does) and ends the process: 0, or 1 after an error.
 * By hand, `PLUGIN reapply [CACHE-DIRECTORY]` makes again what the cached results of the runtime call for.
 */
export function runPlugin<Config>(plugin: Plugin<Config>): never {
  let status = 0;
  let answer: Answer;
  try {
    answer = answerOf(plugin);
  } catch (error) {
    answer = { text: printError(error) };
    status = 1;
  }
  try {
    writeAll(1, answer.text);
  } catch {
    status = 1;
    takeBack(answer);
  }
  return exit(status);
}

interface Answer {
  readonly text: string;
  /** Undoes an ADD. */
  readonly undo?: () => void;
}

/** Nobody is left who could know what an ADD has made, or call DEL for it. */
function takeBack({ undo }: Answer): void {
  try {
    undo?.();
  } catch {
    // Nobody is left to be told.
  }
}

function answerOf<Config>(plugin: Plugin<Config>): Answer {
  const environment = readEnvironment(process.env);
  if (environment.command === "") {
    const { reapply } = plugin;
    if (reapply !== undefined && process.argv[2] === "reapply") {
      return { text: reapplyAll({ ...plugin, reapply }, process.argv[3]) };
    }
    writeAll(2, aboutText(plugin));
    return { text: "" };
  }
  if (environment.command === "VERSION") {
    return {
      text: `${printJsonLine({ cniVersion: newestVersion, supportedVersions: plugin.versions })}\n`,
    };
  }
  const request = readRequest(environment);
  checkVersion(request.command, request.cniVersion, plugin.versions);
  if (request.command === "ADD") {
    refuseOwnNamespace(environment);
    return performAdd(plugin, request);
  }
  perform(plugin, environment, request);
  return { text: "" };
}

function performAdd<Config>(plugin: Plugin<Config>, request: Request): Answer {
  const result = plugin.add(request, plugin.decode(request));
  const undo = (): void => {
    const del: Request = { ...request, command: "DEL" };
    plugin.del(del, plugin.decode(del));
  };
  try {
    return { text: printResult(result, request.cniVersion), undo };
  } catch (error) {
    // The version cannot express the result.
    takeBack({ text: "", undo });
    throw error;
  }
}

function perform<Config>(plugin: Plugin<Config>, environment: Environment, request: Request): void {
  switch (request.command) {
    case "DEL":
      refuseOwnNamespace(environment);
      plugin.del(request, plugin.decode(request));
      return;
    case "CHECK":
      plugin.check(request, plugin.decode(request));
      return;
    case "GC": {
      const valid = validAttachments(request.document);
      if (valid !== undefined) plugin.gc(request, valid);
      return;
    }
    case "STATUS":
      plugin.status(request);
      return;
    case "ADD":
    case "VERSION":
      return;
  }
}

function aboutText<Config>(plugin: Plugin<Config>): string {
  const version = typeof CNI_PLUGINS_VERSION === "string" ? `v${CNI_PLUGINS_VERSION}` : "version unknown";
  return `CNI ${plugin.name} plugin ${version}\nCNI protocol versions supported: ${plugin.versions.join(", ")}\n`;
}

function readRequest(environment: Environment): Request {
  const stdin = readStdin();
  const repeatedKeys: RepeatedKey[] = [];
  const document = readDocument(stdin, repeatedKeys);
  const network = networkName(document);
  // The reference library looks at the command only now: a bad configuration is reported first.
  if (!isCommand(environment.command)) {
    throw new CniError(
      ErrorCode.invalidEnvironment,
      `unknown CNI_COMMAND: ${environment.command}`,
      "CNI_COMMAND is one of ADD, DEL, CHECK, GC, STATUS, VERSION",
    );
  }
  return {
    command: environment.command,
    containerId: environment.containerId,
    netns: environment.netns,
    ifname: environment.ifname,
    args: environment.args,
    path: environment.path,
    network,
    cniVersion: configVersion(document),
    stdin,
    document,
    repeatedKeys,
  };
}

function readStdin(): Buffer {
  try {
    return readAll(0);
  } catch (error) {
    throw new CniError(
      ErrorCode.ioFailure,
      `error reading from stdin: ${errorText(error)}`,
      "the network configuration is passed on standard input",
    );
  }
}

function readDocument(stdin: Buffer, repeatedKeys: RepeatedKey[]): JsonObject {
  const details = "standard input must hold one JSON object: the network configuration";
  try {
    const document = readJson(stdin.toString("utf8"), (path, key) =>
      repeatedKeys.push({ path: [...path], key }),
    );
    if (document === null) return {};
    if (isJsonObject(document)) return document;
    throw new JsonSyntaxError("the document is not an object");
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new CniError(
      ErrorCode.decodingFailure,
      `error unmarshall network config: ${error.message}`,
      details,
    );
  }
}

/** A top-level string; other spellings of the key are legal, as in every CNI configuration. */
function topLevelText(document: JsonObject, key: string): string {
  const entry = Object.entries(document).findLast(([name]) => name.toLowerCase() === key.toLowerCase());
  const value = document[key] ?? entry?.[1] ?? "";
  if (typeof value === "string") return value;
  throw new CniError(
    ErrorCode.decodingFailure,
    `error unmarshall network config: ${key}: expected a string`,
    "correct this value in the config",
  );
}

function networkName(document: JsonObject): string {
  const name = topLevelText(document, "name");
  if (name === "") {
    throw new CniError(ErrorCode.invalidConfig, "missing network name", 'the config needs a "name"');
  }
  if (!isIdentifier(name)) {
    throw new CniError(ErrorCode.invalidConfig, "invalid characters found in network name", name);
  }
  return name;
}

function configVersion(document: JsonObject): string {
  const version = topLevelText(document, "cniVersion");
  return version === "" ? "0.1.0" : version;
}

/** Working on the host as if it were a container would take its interfaces away: refused before anything is done. */
function refuseOwnNamespace(environment: Environment): void {
  if (environment.netnsOverride || environment.netns === "") return;
  const target = identityOf(environment.netns);
  if (target === undefined || target !== identityOf("/proc/thread-self/ns/net")) return;
  throw new CniError(
    ErrorCode.invalidNetns,
    "plugin's netns and netns from CNI_NETNS should not be the same",
    `CNI_NETNS ${environment.netns} is the host's own namespace; nothing was changed`,
  );
}

function identityOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    // A namespace that is not there is no concern of this check.
    return undefined;
  }
}

function printError(error: unknown): string {
  const { code, message, details } =
    error instanceof CniError
      ? error
      : new CniError(ErrorCode.internal, errorText(error), "this is unexpected: please report it");
  return printJson({ code, msg: message, details: details === "" ? undefined : details });
}

function readAll(fd: number): Buffer {
  const parts: Buffer[] = [];
  for (;;) {
    const part = Buffer.allocUnsafe(16 * 1024);
    const length = patiently(() => readSync(fd, part));
    if (length === 0) return Buffer.concat(parts);
    parts.push(part.subarray(0, length));
  }
}

function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length; ) {
    written += patiently(() => writeSync(fd, bytes, written));
  }
}

/** Tries again while a non-blocking pipe, which the caller may have given us, waits for its other end. */
function patiently<T>(work: () => T): T {
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (nodeErrno(error) !== "EAGAIN") throw error;
      sleep(1);
    }
  }
}
