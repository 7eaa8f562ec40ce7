/**
 * What Node's native code offers to its own JavaScript, as far as this runtime uses it. It is no public interface and
 * differs from release to release: executables pin theirs (build/node/binary.ts), and the tests here find what has changed.
 * Node's src/node_buffer.cc, node_file.cc, node_process_methods.cc, node_credentials.cc, node_sea.cc, node_constants.cc
 * and uv.cc have it, and its lib/ the usage.
 */

interface BufferBinding {
  byteLengthUtf8(text: string): number;
  compare(a: Uint8Array, b: Uint8Array): number;
  setBufferPrototype(prototype: object): void;
  utf8WriteStatic(target: Uint8Array, text: string, offset: number, length: number): number;
  latin1WriteStatic(target: Uint8Array, text: string, offset: number, length: number): number;
  utf8Slice(bytes: Uint8Array, start: number, end: number): string;
  latin1Slice(bytes: Uint8Array, start: number, end: number): string;
  hexSlice(bytes: Uint8Array, start: number, end: number): string;
  base64Slice(bytes: Uint8Array, start: number, end: number): string;
  hexWrite(target: Uint8Array, text: string, offset: number, length: number): number;
  base64Write(target: Uint8Array, text: string, offset: number, length: number): number;
}

/** Where a call that does not throw writes why it failed. */
export interface CallContext {
  errno?: number;
  code?: string;
  syscall?: string;
}

/**
 * `dev`, `mode`, `nlink`, `uid`, `gid`, `rdev`, `blksize`, `ino`, `size`, `blocks`, then seconds and nanoseconds of
 * four times: of access, of the content, of the status and of birth.
 */
export type StatValues = Float64Array | BigInt64Array;

interface FileBinding {
  access(path: string, mode: number): void;
  close(fd: number): void;
  existsSync(path: string): boolean;
  fstat(fd: number, bigint: boolean, request: undefined, throwIfNoEntry: boolean): StatValues | undefined;
  fsync(fd: number): void;
  lstat(path: string, bigint: boolean, request: undefined, throwIfNoEntry: boolean): StatValues | undefined;
  mkdir(path: string, mode: number, recursive: boolean): void;
  open(path: string, flags: number, mode: number): number;
  read(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): number;
  readFileUtf8(path: string, flags: number): string;
  readdir(path: string, encoding: string, withFileTypes: false): string[];
  readdir(path: string, encoding: string, withFileTypes: true): [names: string[], types: number[]];
  readlink(path: string, encoding: string): string;
  rename(from: string, to: string): void;
  rmSync(path: string, maxRetries: number, recursive: boolean, retryDelay: number): void;
  stat(path: string, bigint: boolean, request: undefined, throwIfNoEntry: boolean): StatValues | undefined;
  /** `type` is the first value. */
  statfs(path: string, bigint: boolean): Float64Array;
  symlink(target: string, path: string, flags: number): void;
  unlink(path: string): void;
  writeBuffer(
    fd: number,
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number | null,
    request: undefined,
    context: CallContext,
  ): number;
  writeString(
    fd: number,
    text: string,
    position: number | null,
    encoding: string,
    request: undefined,
    context: CallContext,
  ): number;
  writeFileUtf8(path: string | number, text: string, flags: number, mode: number): void;
}

interface ProcessBinding {
  abort(): never;
  cwd(): string;
  dlopen(module: { exports: unknown }, path: string): void;
  /** Sets what differs from process to process, such as `argv` and `execPath`. */
  patchProcessObject(process: NodeProcess): void;
  reallyExit(status: number): never;
  /** Writes the seconds in two parts, and the nanoseconds, to `hrtimeBuffer`. */
  hrtime(): void;
  readonly hrtimeBuffer: Uint32Array;
}

/** By name; these two have other names with the same number. */
export type ErrorNumbers = Readonly<Record<string, number>> & {
  readonly EAGAIN: number;
  readonly EOPNOTSUPP: number;
};

interface Constants {
  readonly fs: Readonly<Record<string, number>>;
  readonly os: {
    readonly errno: ErrorNumbers;
    readonly signals: Readonly<Record<string, number>>;
  };
}

interface Bindings {
  buffer: BufferBinding;
  constants: Constants;
  credentials: { geteuid(): number };
  fs: FileBinding;
  mksnapshot: { setDeserializeMainFunction(main: () => void): void };
  process_methods: ProcessBinding;
  sea: { getAsset(name: string): ArrayBuffer | undefined };
  uv: { errname(errno: number): string; getErrorMessage(errno: number): string };
}

/** Node's process object before any of Node's JavaScript has touched it. */
interface NodeProcess {
  readonly arch: string;
  readonly argv: readonly string[];
  readonly env: Record<string, string | undefined>;
  readonly execPath: string;
}

declare global {
  // What the program's function is called with: see build/node/snapshot-scripts.ts.
  const internalBinding: <Name extends keyof Bindings>(name: Name) => Bindings[Name];
  const nodeProcess: NodeProcess;
}
