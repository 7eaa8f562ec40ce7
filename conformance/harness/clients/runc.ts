import type { CommandResult } from "../host/command.ts";
import type { Host } from "../host/host.ts";
import { asObject, parseObject } from "../host/json.ts";
import { makeRootfs } from "./image.ts";

/** An OCI hook: a program of the host with its arguments and environment. */
type Hook = { path: string; args: readonly string[]; env?: readonly string[] };

/** When runc runs them: https://github.com/opencontainers/runtime-spec/blob/main/config.md#posix-platform-hooks */
export type Hooks = Partial<Record<"prestart" | "createRuntime" | "poststop", readonly Hook[]>>;

/** runc with a folder of its own for what it knows of containers. Throws when it fails. */
type Runc = (...args: string[]) => CommandResult;

export function runcFor(host: Host): Runc {
  const root = host.tempDir();
  // A container that runs on holds what it has of the caller's standard output, so that gets a file.
  const script = `"$@" > ${root}/output 2>&1 < /dev/null || { cat ${root}/output >&2; exit 1; }; cat ${root}/output`;
  return (...args) => host.run("sh", ["-c", script, "sh", "runc", "--root", `${root}/state`, ...args]);
}

/** Writes the bundle of a container with network and other namespaces of its own. Returns its folder in the host. */
export function writeBundle(host: Host, command: readonly string[], hooks: Hooks, cgroup: string): string {
  const bundle = host.tempDir();
  host.run("runc", ["spec", "--bundle", bundle]);
  const spec = parseObject(host.readFile(`${bundle}/config.json`));
  const process = { ...asObject(spec["process"]), terminal: false, args: command, env: ["PATH=/bin"] };
  const root = { path: makeRootfs(host), readonly: false };
  const linux = { ...asObject(spec["linux"]), cgroupsPath: `/${cgroup}/container` };
  host.writeFile(`${bundle}/config.json`, JSON.stringify({ ...spec, process, root, linux, hooks }));
  return bundle;
}
