import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";
import { lazy } from "../basics/lazy.ts";
import { errorText } from "../errors/failure.ts";
import { asSystemError, nodeErrno } from "../errors/system-error.ts";
import { readSmallFile } from "../linux/small-file.ts";
import { anyObject, configObject, decode, optionalText, text } from "./config-schema.ts";
import { isIdentifier } from "./environment.ts";
import { asCniError } from "./errors/as-cni-error.ts";
import { CniError, ErrorCode } from "./errors/cni-error.ts";
import { isJsonObject, type JsonObject, JsonSyntaxError, readJson } from "./json-read.ts";
import type { Request } from "./plugin.ts";
import { allVersions } from "./versions.ts";

/** What libcni notes of an attachment (libcni/api.go, "cniCacheV1"): `<cache directory>/results/NETWORK-ID-IFNAME`. */
const cacheEntry = lazy(() =>
  configObject({
    kind: text,
    containerId: text,
    config: text,
    ifName: text,
    networkName: text,
    netns: optionalText,
    cniArgs: z.optional(z.array(z.array(text))),
    capabilityArgs: z.optional(anyObject),
    result: z.optional(anyObject),
  }),
);

/** Where runtimes have it. */
export const usualCache = "/var/lib/cni";

/** Bytes: a list of plugins in base64, and what they made. */
const resultLimit = 16 * 1024 * 1024;

const configList = lazy(() => configObject({ plugins: z.optional(z.array(anyObject)) }));

/** An attachment of the cache, as the request that one of its plugins gets, and the plugin's place in its list. */
interface CachedAttachment {
  readonly request: Request;
  /** For messages: network, container and interface. */
  readonly name: string;
}

/** What the cache holds for a plugin. */
interface CachedResults {
  readonly attachments: readonly CachedAttachment[];
  /** Entries of which nobody can say whether they matter. */
  readonly unreadable: readonly CniError[];
}

/**
 * The attachments in libcni's cache whose list names the plugin, in the order in which they were made. `prevResult` of
 * each request is the whole list's result.
 *
 * @param cacheDirectory usually /var/lib/cni.
 * @throws SystemError when the directory cannot be read; that there is none means that there are no attachments.
 */
export function cachedAttachments(cacheDirectory: string, plugin: string): CachedResults {
  const directory = join(cacheDirectory, "results");
  const attachments: CachedAttachment[] = [];
  const unreadable: CniError[] = [];
  for (const file of fileNames(directory)) {
    try {
      attachments.push(...attachmentsOf(readSmallFile(join(directory, file), resultLimit), plugin));
    } catch (error) {
      // A DEL may have removed it meanwhile.
      if (nodeErrno(error) !== "ENOENT") unreadable.push(unreadableError(join(directory, file), error));
    }
  }
  return { attachments, unreadable };
}

function unreadableError(path: string, error: unknown): CniError {
  return new CniError(
    asCniError(error)?.code ?? codeOf(error),
    `cannot read cached result ${path}: ${errorText(error)}`,
    "remove it when its container is gone",
  );
}

function codeOf(error: unknown): number {
  return error instanceof JsonSyntaxError ? ErrorCode.decodingFailure : ErrorCode.ioFailure;
}

/** In the order in which libcni wrote them: of two networks with the same port the first one has it. */
function fileNames(directory: string): string[] {
  const writtenAt = (name: string) =>
    statSync(join(directory, name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  try {
    return readdirSync(directory)
      .sort()
      .map((name) => ({ name, at: writtenAt(name) }))
      .sort((one, other) => one.at - other.at)
      .map(({ name }) => name);
  } catch (error) {
    if (nodeErrno(error) === "ENOENT") return [];
    throw asSystemError(`cannot read the cached results in ${directory}`, error);
  }
}

/** Exported for its test. Throws when the entry is not what libcni writes. */
export function attachmentsOf(content: string, plugin: string): CachedAttachment[] {
  const entry = decode(cacheEntry(), readJson(content), "cached result");
  const { networkName, containerId, ifName, netns = "", result } = entry;
  const list = decode(
    configList(),
    readJson(Buffer.from(entry.config, "base64").toString("utf8")),
    "cached config",
  );
  const configs = (list.plugins ?? []).filter(({ type }) => type === plugin);
  if (configs.length === 0) return [];
  if (entry.kind !== "cniCacheV1") throw unlike(`its kind is ${entry.kind}`);
  if (!isIdentifier(networkName) || !isIdentifier(containerId)) throw unlike("its names can be nobody's");
  const version = result?.["cniVersion"];
  const cniVersion = allVersions.find((known) => known === version);
  if (result === undefined || cniVersion === undefined) throw unlike("it has no result of a known version");
  return configs.map((config) => {
    const runtimeConfig = capabilities(config, entry.capabilityArgs ?? {});
    const document: JsonObject = {
      ...config,
      name: networkName,
      cniVersion,
      // As libcni: what the runtime has replaces what the list has, if it has anything.
      ...(Object.keys(runtimeConfig).length > 0 && { runtimeConfig }),
      prevResult: result,
    };
    const request: Request = {
      command: "ADD",
      containerId,
      netns,
      ifname: ifName,
      args: (entry.cniArgs ?? []).map((pair) => pair.join("=")).join(";"),
      path: "",
      network: networkName,
      cniVersion,
      stdin: Buffer.alloc(0),
      document,
      repeatedKeys: [],
    };
    return { request, name: `${networkName}/${containerId}/${ifName}` };
  });
}

/** What of the runtime's values a plugin has asked for. */
function capabilities(config: JsonObject, given: JsonObject): JsonObject {
  const asked = isJsonObject(config["capabilities"]) ? config["capabilities"] : {};
  return Object.fromEntries(Object.entries(given).filter(([name]) => asked[name] === true));
}

function unlike(what: string): CniError {
  return new CniError(ErrorCode.decodingFailure, what, "it is not as libcni writes them");
}
