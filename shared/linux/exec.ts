import { SystemError } from "../errors/system-error.ts";
import { handOn } from "./close-on-exec.ts";
import { call } from "./libc.ts";

const execve = "int execve(const char *path, const char **argv, const char **envp)";

/**
 * Has this process run another program, with the same environment and standard files (execve(2)).
 *
 * @param words what it is called by (argv[0]), and its arguments.
 * @throws SystemError when it cannot be run.
 */
export function becomeProgram(file: string, words: readonly string[]): never {
  const variables = Object.entries(process.env).map(([name, value]) => `${name}=${value ?? ""}`);
  // Node marks these as well, to be closed then.
  handOn([0, 1, 2]);
  const outcome = call(execve, file, [...words, null], [...variables, null]);
  throw new SystemError(`cannot run ${file}`, outcome);
}
