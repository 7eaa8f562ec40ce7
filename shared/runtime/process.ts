const methods = internalBinding("process_methods");

let patched = false;

/** Node's object with what belongs to this process and not to that which made the snapshot. */
function own(): typeof nodeProcess {
  if (!patched) methods.patchProcessObject(nodeProcess);
  patched = true;
  return nodeProcess;
}

/** Node's process, as far as plugins use it: https://nodejs.org/api/process.html. It tells no events. */
interface Process {
  readonly arch: string;
  /** Not to be changed. */
  readonly argv: readonly string[];
  readonly env: Record<string, string | undefined>;
  /** Not to be changed. */
  readonly execPath: string;
  abort(): never;
  /** Without flags. */
  dlopen(module: { exports: unknown }, path: string): void;
  /** At once; the status must be given. */
  exit(status: number): never;
  geteuid(): number;
  /** Since an unknown time: not the time since another one, and not as a bigint. */
  hrtime(): [seconds: number, nanoseconds: number];
}

export const process: Process = {
  arch: nodeProcess.arch,
  get argv() {
    return own().argv;
  },
  get env() {
    return nodeProcess.env;
  },
  get execPath() {
    return own().execPath;
  },
  abort() {
    return methods.abort();
  },
  dlopen(module, path) {
    methods.dlopen(module, path);
  },
  exit(status) {
    return methods.reallyExit(status);
  },
  geteuid() {
    return internalBinding("credentials").geteuid();
  },
  hrtime() {
    methods.hrtime();
    const [high = 0, low = 0, nanoseconds = 0] = methods.hrtimeBuffer;
    return [high * 2 ** 32 + low, nanoseconds];
  },
};
