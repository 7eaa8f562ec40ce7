/**
 * Node's fs, as far as plugins use it: https://nodejs.org/api/fs.html. Errors are made by Node's native code, which
 * is why they are the same. Paths are strings, no Buffers or URLs, and only functions that wait are there.
 */
import type { CallContext, StatValues } from "./bindings.ts";
import { Buffer, type Encoding } from "./buffer.ts";
import { BigIntStats, Dirent, Stats } from "./file-status.ts";

const binding = internalBinding("fs");

const {
  O_CREAT = 0,
  O_DIRECTORY = 0,
  O_EXCL = 0,
  O_NOFOLLOW = 0,
  O_NONBLOCK = 0,
  O_RDONLY = 0,
  O_RDWR = 0,
  O_TRUNC = 0,
  O_WRONLY = 0,
  W_OK = 0,
  X_OK = 0,
} = internalBinding("constants").fs;

/** Only these. */
export const constants = {
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  W_OK,
  X_OK,
};

type FlagName = "r" | "w" | "wx";

const flagsOf: Readonly<Record<FlagName, number>> = {
  r: O_RDONLY,
  w: O_WRONLY | O_CREAT | O_TRUNC,
  wx: O_WRONLY | O_CREAT | O_TRUNC | O_EXCL,
};

/** The mode must be given. */
export function accessSync(path: string, mode: number): void {
  binding.access(valid(path), mode);
}

export function closeSync(fd: number): void {
  binding.close(fd);
}

export function existsSync(path: string): boolean {
  return !path.includes("\0") && binding.existsSync(path);
}

export function fsyncSync(fd: number): void {
  binding.fsync(fd);
}

/** Flags are a number, `r`, `w` or `wx`. */
export function openSync(path: string, flags: number | FlagName, mode = 0o666): number {
  return binding.open(valid(path), typeof flags === "number" ? flags : flagsOf[flags], mode);
}

/** Without an object of options; a position is no bigint. */
export function readSync(
  fd: number,
  buffer: Uint8Array,
  offset = 0,
  length = buffer.byteLength - offset,
  position: number | null = null,
): number {
  return length === 0 ? 0 : binding.read(fd, buffer, offset, length, position ?? -1);
}

/** Without an object of options; a position is no bigint. */
export function writeSync(
  fd: number,
  bytes: Uint8Array,
  offset?: number,
  length?: number,
  position?: number | null,
): number;
export function writeSync(fd: number, text: string, position?: number | null, encoding?: Encoding): number;
export function writeSync(
  fd: number,
  content: Uint8Array | string,
  offsetOrPosition?: number | null,
  lengthOrEncoding?: number | Encoding,
  position: number | null = null,
): number {
  const context: CallContext = {};
  const written =
    typeof content === "string"
      ? binding.writeString(
          fd,
          content,
          offsetOrPosition ?? null,
          typeof lengthOrEncoding === "string" ? lengthOrEncoding : "utf8",
          undefined,
          context,
        )
      : binding.writeBuffer(
          fd,
          content,
          offsetOrPosition ?? 0,
          typeof lengthOrEncoding === "number" ? lengthOrEncoding : content.length - (offsetOrPosition ?? 0),
          position,
          undefined,
          context,
        );
  if (context.errno !== undefined) throw failure(context);
  return written;
}

/** Of a path, no descriptor, and always as a text: the encoding must be given. */
export function readFileSync(path: string, encoding: Encoding): string {
  if (encoding === "utf8") return binding.readFileUtf8(valid(path), O_RDONLY);
  const fd = openSync(path, "r");
  try {
    const parts: Buffer[] = [];
    for (;;) {
      const part = Buffer.allocUnsafe(8192);
      const length = readSync(fd, part);
      if (length === 0) return Buffer.concat(parts).toString(encoding);
      parts.push(part.subarray(0, length));
    }
  } finally {
    closeSync(fd);
  }
}

/** Writes a text as UTF-8 in place of what is there; the only option is the mode of a new file. */
export function writeFileSync(
  path: string | number,
  text: string,
  { mode = 0o666 }: { mode?: number } = {},
): void {
  binding.writeFileUtf8(typeof path === "string" ? valid(path) : path, text, flagsOf.w, mode);
}

/** One directory, not those above it; returns nothing. */
export function mkdirSync(path: string, mode = 0o777): void {
  binding.mkdir(valid(path), mode, false);
}

/** Names are texts of UTF-8; the directories below are not read. */
export function readdirSync(path: string): string[];
export function readdirSync(path: string, options: { withFileTypes: true }): Dirent[];
export function readdirSync(path: string, options?: { withFileTypes: true }): string[] | Dirent[] {
  if (options === undefined) return binding.readdir(valid(path), "utf8", false);
  const [names, types] = binding.readdir(valid(path), "utf8", true);
  return names.map(
    (name, index) => new Dirent(name, types[index] ?? 0, () => lstatSync(`${path}/${name}`).mode),
  );
}

/** As a text of UTF-8. */
export function readlinkSync(path: string): string {
  return binding.readlink(valid(path), "utf8");
}

export function renameSync(from: string, to: string): void {
  binding.rename(valid(from, "oldPath"), valid(to, "newPath"));
}

/** Removes a file, or succeeds when there is none: only with `force`, and no directories. */
export function rmSync(path: string, _options: { force: true }): void {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) binding.rmSync(path, 0, false, 0);
}

/** Without a type, which only Windows has. */
export function symlinkSync(target: string, path: string): void {
  binding.symlink(valid(target, "target"), valid(path), 0);
}

export function unlinkSync(path: string): void {
  binding.unlink(valid(path));
}

/** Only the type of the file system. */
export function statfsSync(path: string): { type: number } {
  const [type = 0] = binding.statfs(valid(path), false);
  return { type };
}

type Missing = { throwIfNoEntry: false };
type AsBigInt = { bigint: true };

/** Takes `throwIfNoEntry: false` or `bigint: true`, not both. */
export function statSync(path: string): Stats;
export function statSync(path: string, options: AsBigInt): BigIntStats;
export function statSync(path: string, options: Missing): Stats | undefined;
export function statSync(
  path: string,
  options: Partial<AsBigInt & Missing> = {},
): Stats | BigIntStats | undefined {
  return status(
    binding.stat(valid(path), options.bigint === true, undefined, options.throwIfNoEntry ?? true),
  );
}

/** With `bigint` only where `throwIfNoEntry` is false. */
export function lstatSync(path: string): Stats;
export function lstatSync(path: string, options: Missing): Stats | undefined;
export function lstatSync(path: string, options: AsBigInt & Missing): BigIntStats | undefined;
export function lstatSync(
  path: string,
  options: Partial<AsBigInt & Missing> = {},
): Stats | BigIntStats | undefined {
  return status(
    binding.lstat(valid(path), options.bigint === true, undefined, options.throwIfNoEntry ?? true),
  );
}

export function fstatSync(fd: number): Stats;
export function fstatSync(fd: number, options: AsBigInt): BigIntStats;
export function fstatSync(fd: number, options: Partial<AsBigInt> = {}): Stats | BigIntStats | undefined {
  return status(binding.fstat(fd, options.bigint === true, undefined, true));
}

function status(values: StatValues | undefined): Stats | BigIntStats | undefined {
  if (values === undefined) return undefined;
  return values instanceof Float64Array ? new Stats(values) : new BigIntStats(values);
}

/** A path for the kernel, which would end it at a null character. */
function valid(path: string, name = "path"): string {
  if (!path.includes("\0")) return path;
  const shown = path.replaceAll("\0", "\\x00");
  const message = `The argument '${name}' must be a string, Uint8Array, or URL without null bytes. Received '${shown}'`;
  throw Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_VALUE" });
}

/** What Node throws for a call whose native code does not throw itself. */
function failure({ errno = 0, syscall = "" }: CallContext): Error {
  const { errname, getErrorMessage } = internalBinding("uv");
  const code = errname(errno);
  return Object.assign(new Error(`${code}: ${getErrorMessage(errno)}, ${syscall}`), { errno, syscall, code });
}
