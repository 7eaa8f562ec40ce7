import { errorText } from "../errors/failure.ts";
import { validAttachments } from "./attachments.ts";
import { refuseOwnNetns } from "./container-netns.ts";
import { type Environment, isCommand, isIdentifier, readEnvironment, type Variables } from "./environment.ts";
import { asCniError } from "./errors/as-cni-error.ts";
import { CniError, ErrorCode } from "./errors/cni-error.ts";
import { printJson, printJsonLine } from "./json-print.ts";
import { isJsonObject, type JsonObject, JsonSyntaxError, readJson } from "./json-read.ts";
import { memberOf } from "./key.ts";
import type { Plugin, RepeatedKey, Request } from "./plugin.ts";
import { printResult } from "./result-print.ts";
import { checkVersion, newestVersion } from "./versions.ts";

/** What a plugin says to a call. */
export interface Answer {
  /** For standard output. */
  readonly text: string;
  /** Exit status: 0, or 1 with an error object as text. */
  readonly status: number;
  /** Undoes an ADD, for when the answer reaches nobody. Never throws. */
  readonly undo?: () => void;
}

/**
 * One call of a plugin, from the environment and standard input to the answer: everything that a process of a plugin
 * does, apart from reading and writing. Never throws.
 *
 * @param variables the environment; `CNI_COMMAND` is in it.
 * @param readStdin is called when the configuration is needed.
 */
export function callPlugin(plugin: Plugin, variables: Variables, readStdin: () => Buffer): Answer {
  try {
    return perform(plugin, readEnvironment(variables), readStdin);
  } catch (error) {
    return failure(error);
  }
}

/** The answer that reports what was thrown, as the specification's error object. */
export function failure(error: unknown): Answer {
  const { code, message, details } =
    asCniError(error) ??
    new CniError(ErrorCode.internal, errorText(error), "this is unexpected: please report it");
  const text = printJson({ code, msg: message, details: details === "" ? undefined : details });
  return { text, status: 1 };
}

function perform(plugin: Plugin, environment: Environment, readStdin: () => Buffer): Answer {
  if (environment.command === "VERSION") {
    const text = printJsonLine({ cniVersion: newestVersion, supportedVersions: plugin.versions });
    return { text: `${text}\n`, status: 0 };
  }
  const request = readRequest(environment, readStdin());
  checkVersion(request.command, request.cniVersion, plugin.versions);
  if (request.command === "ADD") {
    refuseOwnNetns(request);
    return performAdd(plugin, request);
  }
  performOther(plugin, request);
  return { text: "", status: 0 };
}

function performAdd(plugin: Plugin, request: Request): Answer {
  const result = plugin.add(request);
  // Nobody is left then who could know what was made, or call DEL for it.
  const undo = (): void => {
    try {
      plugin.del({ ...request, command: "DEL" });
    } catch {
      // Nobody is left to be told.
    }
  };
  try {
    return { text: printResult(result, request.cniVersion), status: 0, undo };
  } catch (error) {
    // The version cannot express the result.
    undo();
    throw error;
  }
}

function performOther(plugin: Plugin, request: Request): void {
  switch (request.command) {
    case "DEL":
      plugin.del(request);
      return;
    case "CHECK":
      refuseOwnNetns(request);
      plugin.check(request);
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

function readRequest(environment: Environment, stdin: Buffer): Request {
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
    netnsOverride: environment.netnsOverride,
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

function readDocument(stdin: Buffer, repeatedKeys: RepeatedKey[]): JsonObject {
  const details = "standard input must hold one JSON object: the network configuration";
  const text = stdin.toString("utf8");
  try {
    if (text.startsWith("\ufeff"))
      throw new JsonSyntaxError("it begins with a byte order mark, which JSON has none of");
    const document = readJson(text, (path, key) => {
      // Deeper ones are nobody's concern, and their paths could take more memory than the document.
      if (path.length <= 1) repeatedKeys.push({ path: [...path], key });
    });
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
  const value = memberOf(document, key) ?? "";
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
