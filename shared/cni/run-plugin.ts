import { readSync, writeSync } from "node:fs";
import { errorText } from "../errors/failure.ts";
import { nodeErrno } from "../errors/system-error.ts";
import { atStart } from "../executable/at-start.ts";
import { becomeProgram } from "../linux/exec.ts";
import { exit } from "../linux/exit.ts";
import { sleep } from "../linux/wait.ts";
import { type Answer, callPlugin, failure } from "./call-plugin.ts";
import { CniError, ErrorCode } from "./errors/cni-error.ts";
import { answerInstaller } from "./installer.ts";
import type { Plugin } from "./plugin.ts";
import { installerName, pluginNames } from "./plugin-names.ts";
import { reapplyAll } from "./reapply.ts";

/** Version of this project; the build puts package.json's in. */
declare const CNI_PLUGINS_VERSION: string | undefined;

/** What it is built from, as JSON: version, commit, Node, changes in Node. The build puts it in. */
declare const CNI_PLUGINS_BUILD: string | undefined;

/**
 * Whether the installer is another program in the same executable, so that a plugin's start has nothing of it. From
 * sources, and in one of `--stock`, it is not.
 */
declare const INSTALLER_IS_APART: boolean | undefined;

/** Runs the plugin as this process: see answerCall. */
export function runPlugin(plugin: Plugin): void {
  atStart(() => answerCall(plugin));
}

/**
 * The life of one plugin process: reads environment and standard input, calls the plugin, writes its result or the
 * error object to standard output (the only place that does) and ends the process: 0, or 1 after an error.
 * By hand, `PLUGIN reapply [CACHE-DIRECTORY]` makes again what the cached results of the runtime call for,
 * `PLUGIN sweep [CACHE-DIRECTORY]` removes from our own tables what belongs to nobody any more, `PLUGIN --build-info`
 * tells what the executable is built from, and `install` and `doctor` are those of installer.ts.
 */
export function answerCall(plugin: Plugin): never {
  try {
    return answerAndExit(plugin);
  } catch (error) {
    // Nothing in there is known to throw, but without this Node would end with a status and words of its own.
    writeAll(1, failure(error).text);
    process.exit(1);
  }
}

function answerAndExit(plugin: Plugin): never {
  const isCalled = (process.env["CNI_COMMAND"] ?? "") !== "";
  const answer = isCalled ? callPlugin(plugin, process.env, readStdin) : answerByHand(plugin);
  let { status } = answer;
  try {
    writeAll(1, answer.text);
  } catch {
    status = 1;
    answer.undo?.();
  }
  return exit(status);
}

/**
 * Runs the installer as this process. An executable is it by the name of `installerName`, and a linked one by all names
 * that are no plugin's: it does what installer.ts has, tells a person which plugins there are, and a runtime that it is
 * none.
 */
export function runInstaller(): void {
  atStart(() => {
    const answer = answerTo(() => answerAsInstaller(process.argv.slice(2)));
    writeAll(1, answer.text);
    return exit(answer.status);
  });
}

function answerAsInstaller([command, ...rest]: readonly string[]): Answer {
  const names = pluginNames().join(", ");
  if ((process.env["CNI_COMMAND"] ?? "") !== "") {
    const msg = `this executable is no plugin by the name ${JSON.stringify(process.argv[0] ?? "")}`;
    const details = `call it by the name of a plugin, or by one that ends in it behind a dash: ${names}`;
    throw new CniError(ErrorCode.invalidEnvironment, msg, details);
  }
  if (command === "install" || command === "doctor") return answerInstaller(command, rest, process.env);
  writeAll(2, `CNI plugins ${versionText()}, by the name of the file: ${names}\n`);
  return { text: "", status: 0 };
}

function answerByHand(plugin: Plugin): Answer {
  return answerTo(() => {
    const { reapply } = plugin;
    if (reapply !== undefined && process.argv[2] === "reapply") {
      return { text: reapplyAll({ ...plugin, reapply }, process.argv[3]), status: 0 };
    }
    if (plugin.sweep !== undefined && process.argv[2] === "sweep") {
      return { text: plugin.sweep(process.argv[3]), status: 0 };
    }
    if (process.argv[2] === "--build-info" && typeof CNI_PLUGINS_BUILD === "string") {
      return { text: `${CNI_PLUGINS_BUILD}\n`, status: 0 };
    }
    const words = process.argv.slice(2);
    if (words[0] === "install" || words[0] === "doctor") {
      return typeof INSTALLER_IS_APART !== "undefined" && INSTALLER_IS_APART
        ? becomeProgram("/proc/self/exe", [installerName, ...words])
        : answerInstaller(words[0], words.slice(1), process.env);
    }
    writeAll(2, aboutText(plugin));
    return { text: "", status: 0 };
  });
}

/** What somebody who calls it by hand is told, also of a failure. */
function answerTo(work: () => Answer): Answer {
  try {
    return work();
  } catch (error) {
    return failure(error);
  }
}

function aboutText(plugin: Plugin): string {
  return `CNI ${plugin.name} plugin ${versionText()}\nCNI protocol versions supported: ${plugin.versions.join(", ")}\n`;
}

function versionText(): string {
  return typeof CNI_PLUGINS_VERSION === "string" ? `v${CNI_PLUGINS_VERSION}` : "version unknown";
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
