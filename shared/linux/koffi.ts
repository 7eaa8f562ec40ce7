import { closeSync, constants, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { getRawAsset, isSea } from "node:sea";
import { Failure } from "../errors/failure.ts";
import { decodeSparse, type Piece } from "../executable/sparse-file.ts";
import { O_TMPFILE } from "./fcntl.ts";

/**
 * A value that a C function accepts. A `Uint8Array` is passed by address, so C may also write into it; a list becomes
 * an array of pointers to texts (`const char **`), in which null is a null pointer.
 */
export type NativeValue = number | bigint | string | Uint8Array | readonly (string | null)[] | null;

/**
 * A C function. Its result is a JavaScript number, so only declare results that fit 53 bits
 * (`int`, `ssize_t`, `long` that holds a size or an id; `void` gives nothing useful).
 */
export type NativeFunction = (...args: readonly NativeValue[]) => number;

/** The C library of the running process. */
interface Libc {
  /**
   * Declares a C function by its prototype, such as `int setns(int fd, int nstype)`. Costs about 20 µs and the
   * symbol look-up, so declare a function where it is first called, not when a module loads.
   * Throws when a type is not known or libc has no such symbol.
   */
  func(prototype: string): NativeFunction;
}

/** The part of koffi's native addon that is used; its JavaScript wrapper only adds deprecated names. */
interface Addon {
  load(path: null): Libc;
  errno(): number;
  alias(name: string, type: string): unknown;
}

/** The name of the addon among the assets of an executable; build/ stores it there, encoded by sparse-file.ts. */
export const ADDON_ASSET = "koffi.node";

let addon: Addon | undefined;
let library: Libc | undefined;

/** The C library, opened on the first call (about 1 ms). Throws a `Failure` that names each place tried. */
export function libc(): Libc {
  library ??= loaded().load(null);
  return library;
}

/** True when the C library is open already: what only saves time is not worth opening it for. */
export function isLibcOpen(): boolean {
  return library !== undefined;
}

/** `errno` as the last C function called left it. */
export function errno(): number {
  return loaded().errno();
}

function loaded(): Addon {
  if (addon === undefined) {
    addon = isSea() ? addonInside() : openAddon(installedAddon());
    // koffi has no ssize_t; it is a long on every Linux ABI.
    addon.alias("ssize_t", "long");
  }
  return addon;
}

/** True in executables of which the addon is a part: build/node/addon.ts. */
declare const ADDON_IS_LINKED: boolean;

function addonInside(): Addon {
  // Any name will do: nothing else can be loaded there.
  if (ADDON_IS_LINKED) return openAddon("koffi");
  return openAsset(decodeSparse(getRawAsset(ADDON_ASSET)));
}

/** The addon of the npm package, when the code runs from its sources. */
function installedAddon(): string {
  const folder = `koffi-linux-${process.arch}/linux_${process.arch}`;
  return `${import.meta.dirname}/../../node_modules/@koromix/${folder}/koffi.node`;
}

/**
 * Opens the addon from a file without a name (`O_TMPFILE`, open(2)), which vanishes with the process however it
 * ends. Mounts may be read-only or `noexec`, hence several places.
 */
function openAsset(pieces: readonly Piece[]): Addon {
  const failures: string[] = [];
  for (const folder of ["/dev/shm", dirname(process.execPath), "/run", "/tmp"]) {
    try {
      return openFrom(folder, pieces);
    } catch (error) {
      failures.push(`${folder}: ${reason(error)}`);
    }
  }
  throw new Failure("unusable", `cannot load the native part of this executable: ${failures.join("; ")}`, {
    advice:
      "One of these folders must allow new files and running them (a file system that is neither read-only, full " +
      "nor mounted noexec, and knows O_TMPFILE), and /proc must be mounted.",
  });
}

function openFrom(folder: string, pieces: readonly Piece[]): Addon {
  const file = openSync(folder, O_TMPFILE | constants.O_RDWR, 0o700);
  try {
    for (const { offset, bytes } of pieces) {
      for (let written = 0; written < bytes.length; ) {
        written += writeSync(file, bytes, written, bytes.length - written, offset + written);
      }
    }
    return openAddon(`/proc/self/fd/${file}`);
  } finally {
    closeSync(file);
  }
}

function openAddon(path: string): Addon {
  const module: { exports: unknown } = { exports: {} };
  process.dlopen(module, path);
  if (!isAddon(module.exports)) throw new Error(`${path} is not koffi's addon`);
  return module.exports;
}

function isAddon(value: unknown): value is Addon {
  return (
    typeof value === "object" && value !== null && "load" in value && "errno" in value && "alias" in value
  );
}

/** The errno's name, or the dynamic linker's words without the name of the file, which means nothing to anyone. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ("code" in error && error.code !== "ERR_DLOPEN_FAILED") return String(error.code);
  return error.message.replace(/^\/proc\/self\/fd\/\d+: /, "");
}
