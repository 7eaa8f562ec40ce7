import type { Attachment } from "./attachments.ts";
import type { Command } from "./environment.ts";
import type { JsonObject } from "./json-read.ts";
import type { Result } from "./result.ts";

/** One call of a plugin, validated: the environment and the network configuration. */
export interface Request {
  readonly command: Command;
  readonly containerId: string;
  /** Path of the container's network namespace as the runtime wrote it; "" when it gave none (DEL). */
  readonly netns: string;
  /** The caller says that the plugin's own namespace is a legal target. Default: false. */
  readonly netnsOverride?: boolean;
  readonly ifname: string;
  /** `CNI_ARGS` as given; see `parseCniArgs`. */
  readonly args: string;
  /** `CNI_PATH`: directories with plugins, for delegation. */
  readonly path: string;
  /** Name of the network. */
  readonly network: string;
  /** The configuration's version; "0.1.0" when it has none. */
  readonly cniVersion: string;
  /** Standard input as received: a delegate gets the same bytes. */
  readonly stdin: Buffer;
  readonly document: JsonObject;
  /** Keys that the configuration, or an object directly in it, repeats, with the path to the object that holds them. */
  readonly repeatedKeys: readonly RepeatedKey[];
}

export interface RepeatedKey {
  readonly path: readonly string[];
  readonly key: string;
}

/** What came of an attachment: what was missing and is made again, or why it is not alive. For people. */
export type Reapplied = { readonly made: readonly string[] } | { readonly gone: string };

/**
 * A plugin: its name and what it does for each command; `callPlugin` does the rest. Each command decodes as much of the
 * configuration as it needs: a container must be removable even if its configuration is wrong. Commands throw CniError.
 */
export interface Plugin {
  readonly name: string;
  /** Specification versions, ascending. */
  readonly versions: readonly string[];
  readonly add: (request: Request) => Result;
  readonly del: (request: Request) => void;
  readonly check: (request: Request) => void;
  /** Releases what belongs to attachments of this network that are not listed. */
  readonly gc: (request: Request, valid: readonly Attachment[]) => void;
  readonly status: (request: Request) => void;
  /**
   * Makes again what others may have removed from the host of an attachment, such as flushed rules, if it is alive. The
   * request is that of its ADD, with the whole list's result as `prevResult`. Changes nothing where nothing is missing.
   */
  readonly reapply?: (request: Request) => Reapplied;
  /**
   * Removes from the plugin's own tables what belongs to attachments that are gone, and returns a report for people. The
   * parameter is libcni's cache; undefined for the usual place. Throws CniError.
   */
  readonly sweep?: (cacheDirectory?: string) => string;
}
