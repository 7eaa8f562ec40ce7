import { readdirSync, readFileSync } from "node:fs";

/** The processes that a process has started, and those that they have, as far as they still run. */
export function descendants(pid: number): number[] {
  const childrenOf = Map.groupBy(processes(), ({ parent }) => parent);
  const below = (one: number): number[] =>
    (childrenOf.get(one) ?? []).flatMap((child) => [child.pid, ...below(child.pid)]);
  return below(pid);
}

function processes(): { pid: number; parent: number }[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const [, parent] = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, "utf8")) ?? [];
        return [{ pid: Number(name), parent: Number(parent) }];
      } catch {
        return [];
      }
    });
}
